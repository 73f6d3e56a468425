import { execFile } from "node:child_process";
import { access, chmod, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { inspect, promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
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

describe("what the system does not start", () => {
  // Node throws some of these at once, and quotes the environment in one.
  it.each([
    ["too large an environment", "x".repeat(300_000), "E2BIG"],
    ["a NUL in the environment", "hunter2\0", "ERR_INVALID_ARG_VALUE"],
  ])("for %s is an error like any other, without what is in it", async (_, SECRET, code) => {
    const home = await dockerHome();
    await home.installHelper("fake", "true");
    const run = runOf(home, { environment: { ...home.environment, SECRET } });
    const error = await failureOf(runHelper(run), CredentialHelperError);
    expect(error).toMatchObject({ code: "CREDENTIAL_HELPER_FAILED", helper: "fake" });
    expect(error.message).toContain(`cannot be run (${code})`);
    expect(inspect(error)).not.toContain("hunter2");
  });
});

it("many at a time are no leak, and leave nothing behind in the process", async () => {
  const home = await dockerHome();
  await home.installHelper("fake", "cat; sleep 0.2");
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on("warning", onWarning);
  onTestFinished(() => void process.off("warning", onWarning));
  const before = process.listenerCount("exit");
  const inputs = Array.from({ length: 12 }, (_, index) => `${index}`);
  const answers = await Promise.all(inputs.map((input) => runHelper(runOf(home, { input }))));
  expect(answers.map(text)).toEqual(inputs);
  expect(process.listenerCount("exit")).toBe(before);
  expect(warnings).toEqual([]);
});

describe("ends with the process that has run it", () => {
  const start = async (home: DockerHome, more: string) => {
    await home.installHelper("fake", 'echo $$ > "$HOME/own.new"; mv "$HOME/own.new" "$HOME/own"; sleep 1000');
    const script = `
      import { runHelper } from ${JSON.stringify(join(import.meta.dirname, "run-helper.ts"))};
      import { existsSync } from "node:fs";
      const asked = runHelper(JSON.parse(process.argv[1]));
      const whenRunning = (act) => setInterval(() => existsSync(process.argv[2]) && act(), 10);
      ${more}`;
    const parameters = [JSON.stringify(runOf(home)), join(home.folder, "own")];
    const flags = ["--conditions=@acrkit/source", "--input-type=module"];
    return promisify(execFile)(process.execPath, [...flags, "-e", script, ...parameters]);
  };

  it("of itself", async () => {
    const home = await dockerHome();
    await start(home, "whenRunning(() => process.exit());");
    await gone(join(home.folder, "own"));
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP"])("by %s, as it would have without a helper", async (signal) => {
    const home = await dockerHome();
    const ended = start(home, `whenRunning(() => process.kill(process.pid, "${signal}"));`);
    await expect(ended).rejects.toMatchObject({ signal });
    await gone(join(home.folder, "own"));
  });

  it("or before it, when it lives on by what it does with the signal itself", async () => {
    const home = await dockerHome();
    const more = `
      process.on("SIGINT", async () => {
        const { exitCode } = await asked;
        console.log(exitCode, process.listenerCount("SIGINT"));
        process.exit();
      });
      const timer = whenRunning(() => {
        clearInterval(timer);
        process.kill(process.pid, "SIGINT");
      });`;
    expect((await start(home, more)).stdout).toBe("undefined 1\n");
    await gone(join(home.folder, "own"));
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
