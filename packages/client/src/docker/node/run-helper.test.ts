import { access, chmod, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { abortOf, failureOf } from "../../testing/client.ts";
import { type DockerHome, dockerHome } from "../../testing/docker-home.ts";
import { failOnUnhandled } from "../../testing/unhandled.ts";
import { CredentialHelperError } from "../errors.ts";
import type { HelperRun } from "../port.ts";
import { runHelper } from "./run-helper.ts";

failOnUnhandled();

const runOf = ({ environment }: DockerHome, changes: Partial<HelperRun> = {}): HelperRun => ({
  program: "docker-credential-fake",
  verb: "get",
  input: "a.azurecr.io",
  environment,
  timeoutInMs: 60_000,
  abortSignal: undefined,
  missing: "config.json wants it.",
  ...changes,
});
const text = ({ output }: { output: Uint8Array }) => Buffer.from(output).toString();

/** Resolves when nothing has the process any more. */
async function gone(pidFile: string): Promise<void> {
  const pid = Number(await readFile(pidFile, "utf8"));
  for (;;) {
    try {
      const state = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]?.[0];
      if (state === "Z") return;
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );

async function appears(file: string): Promise<void> {
  while (!(await exists(file))) await new Promise((resolve) => setTimeout(resolve, 10));
}

it("hands over verb, input and environment, and gives output and exit code", async () => {
  const home = await dockerHome();
  await home.installHelper("fake", 'printf "%s|%s|%s" "$1" "$(cat)" "$EXTRA"; exit 3');
  const environment = { ...home.environment, EXTRA: "extra" };
  const answer = await runHelper(runOf(home, { environment }));
  expect([answer.exitCode, text(answer)]).toEqual([3, "get|a.azurecr.io|extra"]);
});

it("does without a shell: nothing in a verb or an input is run", async () => {
  const home = await dockerHome();
  await home.installHelper("fake", 'printf "%s" "$1"; cat');
  const answer = await runHelper(runOf(home, { verb: "$(touch x); `id`", input: "; touch y" }));
  expect(text(answer)).toBe("$(touch x); `id`; touch y");
});

it("a helper that does not read its input is not waited for", async () => {
  const home = await dockerHome();
  await home.installHelper("fake", "exec <&-; printf done");
  expect(text(await runHelper(runOf(home, { input: "x".repeat(10_000_000) })))).toBe("done");
});

describe("a helper that is not there", () => {
  it("is named, with who wants it", async () => {
    const home = await dockerHome();
    const error = await failureOf(runHelper(runOf(home)), CredentialHelperError);
    expect(error).toMatchObject({ code: "CREDENTIAL_HELPER_MISSING", helper: "fake" });
    expect(error.message).toBe("docker-credential-fake is not in any folder of PATH: config.json wants it.");
  });

  it("is not taken from the folder somebody works in, nor from a relative one", async () => {
    const home = await dockerHome();
    await home.installHelper("fake", "printf found");
    const folder = relative(process.cwd(), join(home.folder, "bin"));
    for (const PATH of ["", ".", ":", folder, `${folder}:.`, undefined]) {
      const run = runOf(home, { environment: { ...home.environment, PATH } });
      expect((await failureOf(runHelper(run), CredentialHelperError)).code).toBe("CREDENTIAL_HELPER_MISSING");
    }
  });

  it("is not a file without the right to be run, nor a folder", async () => {
    const home = await dockerHome();
    await home.write("bin/docker-credential-fake", "#!/bin/sh\n");
    await home.write("bin/docker-credential-folder/x", "");
    for (const program of ["docker-credential-fake", "docker-credential-folder"]) {
      const error = await failureOf(runHelper(runOf(home, { program })), CredentialHelperError);
      expect(error.code).toBe("CREDENTIAL_HELPER_MISSING");
    }
  });

  it("is told from one that this machine cannot run", async () => {
    const home = await dockerHome();
    await chmod(await home.write("bin/docker-credential-fake", "#!/nowhere/interpreter\n"), 0o700);
    const error = await failureOf(runHelper(runOf(home)), CredentialHelperError);
    expect(error).toMatchObject({ code: "CREDENTIAL_HELPER_FAILED" });
    expect(error.message).toContain("cannot be run");
  });
});

describe("a helper that misbehaves", () => {
  it("hangs: it is ended with its children", async () => {
    const home = await dockerHome();
    await home.installHelper("fake", `sleep 1000 & echo $! > "$HOME/child"; wait`);
    const error = await failureOf(runHelper(runOf(home, { timeoutInMs: 300 })), CredentialHelperError);
    expect(error).toMatchObject({ code: "CREDENTIAL_HELPER_TIMEOUT", helper: "fake" });
    expect(error.message).toContain("0.3 s");
    // On a machine that is busy enough it had no time to start one.
    if (await exists(join(home.folder, "child"))) await gone(join(home.folder, "child"));
  });

  it("is deaf to a friendly request to end", async () => {
    const home = await dockerHome();
    await home.installHelper("fake", "trap '' TERM INT HUP; while :; do sleep 1; done");
    expect((await failureOf(runHelper(runOf(home, { timeoutInMs: 300 })), CredentialHelperError)).code).toBe(
      "CREDENTIAL_HELPER_TIMEOUT",
    );
  });

  it("says 10 MB: it is ended, and not all of it read", async () => {
    const home = await dockerHome();
    await home.installHelper("fake", "head -c 10000000 /dev/zero; touch $HOME/ended; sleep 1000");
    const error = await failureOf(runHelper(runOf(home)), CredentialHelperError);
    expect(error).toMatchObject({ code: "CREDENTIAL_HELPER_FAILED" });
    expect(error.message).toContain("more than 1 MiB");
  });

  it("floods its standard error: nobody reads it, and it ends", async () => {
    const home = await dockerHome();
    await home.installHelper("fake", "head -c 10000000 /dev/zero >&2; printf ok");
    expect(text(await runHelper(runOf(home)))).toBe("ok");
  });

  it("leaves something behind that keeps its output open: it is not waited for", async () => {
    const home = await dockerHome();
    await home.installHelper("fake", 'setsid sleep 1000 & echo $! > "$HOME/child"; printf ok');
    expect(text(await runHelper(runOf(home)))).toBe("ok");
    process.kill(Number(await readFile(join(home.folder, "child"), "utf8")), "SIGKILL");
  });

  it("is killed by somebody else", async () => {
    const home = await dockerHome();
    await home.installHelper("fake", "kill -9 $$");
    expect((await runHelper(runOf(home))).exitCode).toBeUndefined();
  });
});

describe("an abort", () => {
  it("before the start starts nothing", async () => {
    const home = await dockerHome();
    await home.installHelper("fake", 'touch "$HOME/started"');
    await abortOf(runHelper(runOf(home, { abortSignal: AbortSignal.abort() })));
    await expect(access(join(home.folder, "started"))).rejects.toThrow();
  });

  it("ends the helper", async () => {
    const home = await dockerHome();
    await home.installHelper("fake", `echo $$ > "$HOME/own"; sleep 1000`);
    const controller = new AbortController();
    const running = runHelper(runOf(home, { abortSignal: controller.signal }));
    await appears(join(home.folder, "own"));
    controller.abort();
    await abortOf(running);
    await gone(join(home.folder, "own"));
  });
});
