import type { Installer } from "../install/installer.ts";
import type { JobParameters } from "../scenarios/jobs.ts";
import type { VerbParameters } from "../scenarios/verbs.ts";

/** A program of other people. What it is asked to do, and what has to come of it, is the same for all: `scenarios`. */
interface Client {
  /** Its name in the matrix and behind `--only`. */
  readonly name: string;
  readonly installer: Installer;
}

/** A command-line tool: how it is told to do each verb. */
export interface Tool extends Client {
  readonly kind: "tool";
  /** By which name it is told the registry. @default "localhost" */
  readonly host?: "localhost" | "127.0.0.1";
  /** The arguments for a verb; the program's name comes before them. A password comes on standard input. */
  readonly verbs: { readonly [Name in keyof VerbParameters]: CommandLine<VerbParameters[Name]> | Absent };
}

export type CommandLine<Parameters> = (parameters: Parameters) => readonly string[];

/** An SDK: which of its documented samples does each job. */
export interface Sdk extends Client {
  readonly kind: "sdk";
  readonly jobs: { readonly [Name in keyof JobParameters]: Sample<JobParameters[Name]> | Absent };
  /**
   * Makes a sample ready to run in `folder`, and gives its command line.
   *
   * @param installed the folder that the installer has filled
   */
  prepare(
    program: string,
    place: { readonly installed: string; readonly folder: string; readonly certificateFile: string },
  ): Promise<readonly [string, ...string[]]>;
}

export type Sample<Parameters> = {
  /** Run one after the other. */
  readonly programs: readonly string[];
} & Parameters;

/** What a client has no command or sample for; shown in the matrix as "–" with its reason. */
export interface Absent {
  readonly absent: string;
}

export function isAbsent(entry: object): entry is Absent {
  return "absent" in entry;
}
