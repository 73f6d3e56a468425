import { InvalidInputError, OPERATIONS } from "@acrkit/oci";
import type { Origin } from "../protocol/message.ts";
import type { FaultKind, FaultRule, FaultScript } from "./fault.ts";
import { FAULT_MEMBERS, type FaultMember, membersOf } from "./members.ts";

type Members = Readonly<Record<string, unknown>>;

const ORIGINS: readonly Origin[] = ["registry", "storage", "entra"];
const MATCHER_MEMBERS = ["operation", "origin", "method", "repository", "path"];
const RULE_MEMBERS = [...MATCHER_MEMBERS, "fault", "skip", "times", "probability"];

/**
 * Reads a script: its JSON text, or what that says.
 *
 * @throws {InvalidInputError} no JSON, or a member that is not what it should be, by its place: `faults[2].fault.after`
 */
export function readScript(script: string | FaultScript): FaultScript {
  const value = typeof script === "string" ? parseJson(script) : script;
  const members = objectOf(value, "script", ["seed", "faults"]);
  if (members.seed !== undefined) readSeed(members.seed, "seed");
  if (!Array.isArray(members.faults)) throw new InvalidInputError("faults", members.faults, "expected a list of rules");
  for (const [index, rule] of members.faults.entries()) readRule(rule, `faults[${index}]`);
  return value as FaultScript;
}

/** @throws {InvalidInputError} no whole number that every language can hold */
export function readSeed(value: unknown, where: string): number {
  if (Number.isSafeInteger(value)) return value as number;
  throw new InvalidInputError(where, value, "expected a whole number");
}

/**
 * Checks a rule. `where` says in errors where it stands.
 *
 * @throws {InvalidInputError} a member is missing, unknown, or not what it should be
 */
export function readRule(value: unknown, where: string): FaultRule {
  const rule = objectOf(value, where, RULE_MEMBERS);
  oneOrMore(rule.operation, `${where}.operation`, (name, at) => readChoice(name, at, Object.keys(OPERATIONS)));
  oneOrMore(rule.origin, `${where}.origin`, (name, at) => readChoice(name, at, ORIGINS));
  oneOrMore(rule.method, `${where}.method`, readText);
  if (rule.repository !== undefined) readText(rule.repository, `${where}.repository`);
  if (rule.path !== undefined) readText(rule.path, `${where}.path`);
  if (rule.skip !== undefined) readWhole(rule.skip, `${where}.skip`, 0, Number.MAX_SAFE_INTEGER);
  if (rule.times !== undefined) readWhole(rule.times, `${where}.times`, 1, Number.MAX_SAFE_INTEGER);
  const { probability } = rule;
  if (probability !== undefined && !(typeof probability === "number" && probability >= 0 && probability <= 1)) {
    throw new InvalidInputError(`${where}.probability`, probability, "expected a number from 0 to 1");
  }
  readFault(rule.fault, `${where}.fault`);
  return value as FaultRule;
}

function readFault(value: unknown, where: string): void {
  const { kind } = objectOf(value, where);
  readChoice(kind, `${where}.kind`, Object.keys(FAULT_MEMBERS));
  const expected = membersOf(kind as FaultKind);
  const fault = objectOf(value, where, ["kind", ...Object.keys(expected)]);
  for (const [name, member] of Object.entries(expected)) {
    if (fault[name] !== undefined || member.required) readMember(fault[name], `${where}.${name}`, member);
  }
}

function readMember(value: unknown, where: string, member: FaultMember): void {
  if (member.type === "choice") readChoice(value, where, member.values);
  else if (typeof value !== "object") readWhole(value, where, member.min, member.max, " or { from, to }");
  else {
    const { from, to } = objectOf(value, where, ["from", "to"]);
    readWhole(from, `${where}.from`, member.min, member.max);
    readWhole(to, `${where}.to`, member.min, member.max);
    if (Number(from) > Number(to))
      throw new InvalidInputError(`${where}.to`, to, `expected at least ${from}, its from`);
  }
}

function objectOf(value: unknown, where: string, known?: readonly string[]): Members {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InvalidInputError(where, value, "expected an object");
  }
  const stranger = known && Object.keys(value).find((name) => !known.includes(name));
  if (stranger !== undefined) {
    throw new InvalidInputError(`${where}.${stranger}`, stranger, `no such member; there are ${known?.join(", ")}`);
  }
  return value as Members;
}

function oneOrMore(value: unknown, where: string, read: (value: unknown, where: string) => void): void {
  if (value === undefined) return;
  if (Array.isArray(value) && value.length === 0) {
    throw new InvalidInputError(where, value, "expected at least one; leave it out for any");
  }
  if (Array.isArray(value)) for (const [index, entry] of value.entries()) read(entry, `${where}[${index}]`);
  else read(value, where);
}

function readChoice(value: unknown, where: string, values: readonly unknown[]): void {
  if (!values.includes(value)) throw new InvalidInputError(where, value, `expected one of ${values.join(", ")}`);
}

function readText(value: unknown, where: string): void {
  if (typeof value !== "string" || value === "") throw new InvalidInputError(where, value, "expected a text");
}

function readWhole(value: unknown, where: string, min: number, max: number, more = ""): void {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) return;
  const bounds = max === Number.MAX_SAFE_INTEGER ? `${min} or above` : `from ${min} to ${max}`;
  throw new InvalidInputError(where, value, `expected a whole number, ${bounds}${more}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InvalidInputError("script", text, (error as Error).message);
  }
}
