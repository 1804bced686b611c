import { sep } from "node:path";

/** Whether a real path is a directory's own or lies below it; both are absolute and without symbolic links. */
export function isInside(directory: string, real: string): boolean {
  return real === directory || real.startsWith(directory.endsWith(sep) ? directory : directory + sep);
}
