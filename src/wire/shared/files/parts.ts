import { invalidRequest } from "../../../domain/error.ts";
import { type ContentPart, type FilePart, isFilePart, type ReadParts } from "../parts.ts";
import type { FileReader } from "./reader.ts";

/** A part of a request that holds a file. */
export interface SentPart {
  part: FilePart;
  /** Where the file stands in the request, for errors. */
  param: string;
}

/** More files than anybody sends at once; each can take seconds. */
const MAX_FILES = 10;

/** Finds the files in one content of a request; `place` names the content. */
export function filesIn(
  content: string | readonly ContentPart[] | null | undefined,
  place: () => string,
): readonly SentPart[] {
  if (!Array.isArray(content) || !content.some(isFilePart)) return [];
  const parts: readonly ContentPart[] = content;
  return parts.flatMap((part, index) => {
    if (!isFilePart(part)) return [];
    const field = "file" in part ? "file.file_data" : "file_data";
    return [{ part, param: `${place()}[${index}].${field}` }];
  });
}

/**
 * Reads the files of one request, as text or images; the request stays as it is.
 * @throws ApiError 400 for too many files, and as the reader.
 */
export async function readFiles(sent: readonly SentPart[], reader: FileReader): Promise<ReadParts> {
  const tooMany = sent[MAX_FILES];
  if (tooMany !== undefined) {
    throw invalidRequest(tooMany.param, `The request has more than ${MAX_FILES} files.`);
  }
  const read = new Map<FilePart, Awaited<ReturnType<FileReader["read"]>>>();
  for (const { part, param } of sent) {
    const { file_data: data, filename } = "file" in part ? part.file : part;
    read.set(part, await reader.read({ data, name: filename ?? undefined, param }));
  }
  return read;
}
