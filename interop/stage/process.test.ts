import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { redact, runProcess, runSuccessfully } from "./process.ts";

const options = { folder: tmpdir(), environment: { PATH: process.env.PATH ?? "" }, limitMs: 30_000 };

test("a program gets its input and the named environment, and nothing of ours", async () => {
  process.env.INTEROP_LEAK = "leak";
  const environment = { ...options.environment, GIVEN: "given" };
  const script = 'read line; echo "$line, $GIVEN, [$INTEROP_LEAK]"';
  const { stdout } = await runProcess(["sh", "-c", script], { ...options, environment, input: "typed\n" });
  delete process.env.INTEROP_LEAK;
  expect(stdout).toBe("typed, given, []\n");
});

test("at its time limit a program is killed with its children, which hold its output open", async () => {
  const result = await runProcess(["sh", "-c", "sleep 60 & sleep 60"], { ...options, limitMs: 100 });
  expect(result).toMatchObject({ exitCode: undefined, timedOut: true });
});

test("a failure says what was run and what it printed, but no secret", async () => {
  const failing = runSuccessfully(["sh", "-c", "echo pass=open-sesame >&2; exit 3"], options, ["open-sesame"]);
  await expect(failing).rejects.toThrow(/exit code 3\s+pass=\*\*\*/);
  await expect(failing).rejects.not.toThrow(/open-sesame/);
});

test("a program that is not there", async () => {
  await expect(runProcess(["no-such-program-here"], options)).rejects.toThrow(/ENOENT/);
});

test("every occurrence is masked", () => expect(redact("a b a", ["a"])).toBe("*** b ***"));
