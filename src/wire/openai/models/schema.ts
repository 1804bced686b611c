import { z } from "zod";

/** A model as clients list it: OpenAI's fields, the reference's, and what frontends show. */
export const Model = z
  .object({
    id: z.string(),
    object: z.literal("model"),
    created: z.int(),
    owned_by: z.string(),
    permission: z.array(z.never()),
    root: z.string(),
    parent: z.string().nullable(),
    name: z.string(),
    context_length: z.int(),
    architecture: z.object({ input_modalities: z.array(z.string()), output_modalities: z.array(z.string()) }),
  })
  .meta({ id: "Model", description: "A model that requests may name" });
export type Model = z.infer<typeof Model>;

export const ModelList = z
  .object({ object: z.literal("list"), data: z.array(Model) })
  .meta({ id: "ModelList", description: "All models" });
