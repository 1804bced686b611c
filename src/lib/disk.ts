import { statfs } from "node:fs/promises";

/** How full the disk of a directory is. */
export interface DiskSpace {
  usedPercent: number;
  freeBytes: number;
  totalBytes: number;
  /** So full that somebody should look at it. */
  isLow: boolean;
}

const LOW_PERCENT = 90;

/** Looks at the disk of a directory. @throws Error when there is no such directory. */
export async function diskSpace(directory: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(directory);
  const usedPercent = Math.round((1 - bavail / Math.max(1, blocks)) * 100);
  const [freeBytes, totalBytes] = [bavail * bsize, blocks * bsize];
  return { usedPercent, freeBytes, totalBytes, isLow: usedPercent >= LOW_PERCENT };
}
