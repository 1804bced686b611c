import { invalidRequest } from "../domain/error.ts";

/** Returns whether a text can be a job's id. */
export function isJobId(id: string): boolean {
  return /^[a-f0-9]{12}$/.test(id);
}

/** Returns whether a text can be a fire's id. */
export function isFireId(id: string): boolean {
  return /^fire_[a-f0-9]{32}$/.test(id);
}

/** Checks a job's id: 12 hex digits. @throws ApiError 400 in the reference's words. */
export function checkJobId(id: string): string {
  if (!isJobId(id)) throw invalidRequest("id", "Invalid job ID format", "invalid_job_id");
  return id;
}
