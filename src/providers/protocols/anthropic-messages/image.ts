import type { Base64ImageSource, ImageBlockParam } from "@anthropic-ai/sdk/resources/messages/messages";

/** Converts an image, given by http(s) URL or data URL, to a block. */
export function toImageBlock(url: string): ImageBlockParam {
  return { type: "image", source: readDataUrl(url) ?? { type: "url", url } };
}

/** @see https://www.rfc-editor.org/rfc/rfc2397 */
function readDataUrl(url: string): Base64ImageSource | undefined {
  const comma = url.indexOf(",");
  if (!/^data:/i.test(url) || comma === -1) return undefined;
  const [type = "", ...options] = url.slice("data:".length, comma).split(";");
  const content = url.slice(comma + 1);
  const isBase64 = options.at(-1)?.trim().toLowerCase() === "base64";
  return { type: "base64", media_type: toMediaType(type), data: isBase64 ? content : toBase64(content) };
}

/** An unknown type is sent unchanged: the service refuses it with a clear message. */
function toMediaType(type: string): Base64ImageSource["media_type"] {
  const name = type.trim().toLowerCase();
  return (name === "image/jpg" ? "image/jpeg" : name) as Base64ImageSource["media_type"];
}

function toBase64(content: string): string {
  try {
    return Buffer.from(decodeURIComponent(content)).toString("base64");
  } catch {
    // Not escaped as a URL must be: used unchanged.
    return Buffer.from(content).toString("base64");
  }
}
