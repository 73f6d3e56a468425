import { isInvalidInputError } from "@acrkit/oci";
import { describeCall, withHint } from "../../errors/describe.ts";
import { ContentWriteError } from "../../errors/registry-error.ts";
import type { CallDescription } from "../../pipeline/call-context.ts";
import type { PartFile } from "../../runtime/port.ts";
import { UnsupportedError } from "../../runtime/unsupported.ts";
import type { ProgressMeter } from "../progress.ts";

/** What is being written, for the errors that say it cannot be. */
export interface WrittenFile {
  readonly call: CallDescription;
  readonly path: string;
  readonly meter: ProgressMeter;
}

/** The error of a file that cannot be written; one that is no failure of the system's is returned as it is. */
export function writeFailure({ call, path, meter }: WrittenFile, cause: unknown): unknown {
  if (cause instanceof UnsupportedError || isInvalidInputError(cause)) return cause;
  const hint = hintFor((cause as { code?: unknown } | undefined)?.code);
  const { loadedBytes, totalBytes } = meter;
  const problem = `cannot write ${path} after ${loadedBytes} of ${totalBytes} bytes: ${
    cause instanceof Error ? cause.message : String(cause)
  }. Nothing was put under that name`;
  return new ContentWriteError(`${describeCall(call)} failed: ${withHint(problem, hint)}`, {
    operation: call.operation,
    repository: call.repository,
    code: "CONTENT_WRITE_FAILED",
    hint,
    cause,
  });
}

/** The same file, whose failures say what could not be written. */
export function explained(file: PartFile, written: WrittenFile): PartFile {
  const explain = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw writeFailure(written, error);
    });
  return {
    finishedSegments: file.finishedSegments,
    write: (at, bytes) => explain(file.write(at, bytes)),
    read: (at, into) => explain(file.read(at, into)),
    finishSegment: (index) => explain(file.finishSegment(index)),
    commit: () => explain(file.commit()),
    discard: () => explain(file.discard()),
  };
}

function hintFor(code: unknown): string | undefined {
  switch (code) {
    case "ENOSPC":
      return "Make room on the disk, or write to another one.";
    case "EDQUOT":
      return "The disk quota is used up: make room, or write elsewhere.";
    case "EFBIG":
      return "The file system does not take files of this size, or a limit of this process (ulimit -f) forbids it.";
    case "ENOENT":
    case "ENOTDIR":
      return "Make the folder first.";
    case "EISDIR":
    case "ENXIO":
      return "Give the path of a file.";
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return "Choose a folder that this process may write to.";
    case "EIO":
      return "The disk, or the way to it, is failing.";
  }
  return undefined;
}
