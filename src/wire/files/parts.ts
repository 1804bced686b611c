import { invalidRequest } from "../../domain/error.ts";
import { type ContentPart, type FilePart, isFilePart } from "../parts.ts";
import type { FileReader } from "./reader.ts";

/** The parts of one message or result, and where they stand in the request. */
export interface Content {
  parts: string | ContentPart[] | null | undefined;
  param: string;
}

/** More files than anybody sends at once; each can take seconds. */
const MAX_FILES = 10;

/**
 * Puts what is in files in their places, as text or images.
 * @throws ApiError 400 for too many files, and as the reader.
 */
export async function readFiles(contents: Iterable<Content>, reader: FileReader): Promise<void> {
  const found = [...contents].flatMap(filesOf);
  const tooMany = found[MAX_FILES];
  if (tooMany !== undefined) {
    throw invalidRequest(tooMany.param, `The request has more than ${MAX_FILES} files.`);
  }
  for (const { parts, index, file, param } of found) {
    const { file_data: data, filename } = "file" in file ? file.file : file;
    parts[index] = await reader.read({ data, name: filename ?? undefined, param });
  }
}

interface Found {
  parts: ContentPart[];
  index: number;
  file: FilePart;
  param: string;
}

function filesOf({ parts, param }: Content): Found[] {
  if (!Array.isArray(parts)) return [];
  return parts.flatMap((file, index) => {
    if (!isFilePart(file)) return [];
    const field = "file" in file ? "file.file_data" : "file_data";
    return [{ parts, index, file, param: `${param}[${index}].${field}` }];
  });
}
