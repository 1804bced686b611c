import { z } from "zod";
import { invalidRequest } from "../../domain/error.ts";
import type { ErrorCode } from "../../domain/error-codes.ts";
import type { InputImage, InputText, Part } from "../../domain/item.ts";
import { onlyNull, optional } from "./fields.ts";

const TextPart = z.object({ type: z.enum(["text", "input_text", "output_text"]), text: z.string() });

const Detail = z.enum(["auto", "low", "high", "original"]);

const ImageUrl = z.string().refine((url) => /^(https?:\/\/|data:image\/)/i.test(url), {
  error: "use an http(s) URL or a data:image/ URL",
  params: { code: "invalid_image_url" satisfies ErrorCode },
});

const ImagePart = z.object({
  type: z.enum(["image_url", "input_image"]),
  image_url: z.union([ImageUrl, z.object({ url: ImageUrl, detail: optional(Detail) })]),
  detail: optional(Detail),
});

const RefusalPart = z.object({ type: z.literal("refusal"), refusal: z.string() });

const notKept = onlyNull("files are not kept here; send file_data with base64");

/** A file with its content: a PDF, a text file or an image. */
const FileFields = {
  file_id: notKept,
  file_url: notKept,
  file_data: z.string().min(1, "must not be empty"),
  filename: optional(z.string().max(1_024)),
};

const InputFilePart = z.object({ type: z.literal("input_file"), ...FileFields });
const ChatFilePart = z.object({ type: z.literal("file"), file: z.object(FileFields) });
export type FilePart = z.infer<typeof InputFilePart> | z.infer<typeof ChatFilePart>;

/** One part of a message's content. */
export const ContentPart = z.discriminatedUnion("type", [
  TextPart,
  ImagePart,
  RefusalPart,
  InputFilePart,
  ChatFilePart,
]);
export type ContentPart = z.infer<typeof ContentPart>;

/** Whether a part is a file, which is read before anything else is made of it. */
export function isFilePart(part: ContentPart): part is FilePart {
  return part.type === "input_file" || part.type === "file";
}

/** What was read of a request's files, by the part that holds each. */
export type ReadParts = ReadonlyMap<FilePart, InputText | InputImage>;

/** More parts than any message has. */
export const MAX_PARTS = 1_000;

/** What stands in place of a part: of a file what was read of it. @throws ApiError 400 for a file that was not read. */
function toReadPart(part: ContentPart, files: ReadParts | undefined): Exclude<ContentPart, FilePart> {
  if (!isFilePart(part)) return part;
  const read = files?.get(part);
  if (read !== undefined) return read;
  throw invalidRequest(undefined, "Files are not read here.", "unsupported_content_type");
}

/** Returns a content in which what was read of files stands in their places. @throws ApiError 400 as `readParts`. */
export function withFiles(
  content: string | readonly ContentPart[],
  files: ReadParts | undefined,
): string | ContentPart[] {
  return typeof content === "string" ? content : content.map((part) => toReadPart(part, files));
}

/** Returns parts as the transcript keeps them; an empty text is none. @throws ApiError 400 for a file that was not read. */
export function decodeParts(
  content: string | readonly ContentPart[],
  type: "input_text" | "output_text",
  files?: ReadParts,
): Part[] {
  if (typeof content === "string") return content === "" ? [] : [{ type, text: content }];
  return content.map((sent): Part => {
    const part = toReadPart(sent, files);
    if ("text" in part) return { type, text: part.text };
    if ("refusal" in part) return { type: "refusal", refusal: part.refusal };
    const image = part.image_url;
    const detail = (typeof image === "string" ? undefined : image.detail) ?? part.detail;
    return {
      type: "input_image",
      image_url: typeof image === "string" ? image : image.url,
      ...(detail && { detail }),
    };
  });
}

/** Returns the text of a message of which nothing but the text is kept. */
export function plainText(content: string | readonly ContentPart[], files?: ReadParts): string {
  if (typeof content === "string") return content;
  return content
    .map((sent) => (isFilePart(sent) ? files?.get(sent) : sent))
    .map((part) => (part !== undefined && "text" in part ? part.text : ""))
    .join("\n");
}
