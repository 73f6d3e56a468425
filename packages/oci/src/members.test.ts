import { describe, expect, test } from "vitest";
import { isRecord, memberOf, optionalMember, optionalString, optionalStrings, stringMap } from "./members.ts";

test("a record is an object, and neither null nor a list", () => {
  expect([{}, Object.create(null)].every(isRecord)).toBe(true);
  expect([null, undefined, [], "text", 1, () => 1].some(isRecord)).toBe(false);
});

describe("own members only", () => {
  test.each(["constructor", "toString", "hasOwnProperty", "__proto__"])("%s of an empty object is absent", (name) => {
    expect(optionalMember({}, name)).toBeUndefined();
    expect(() => memberOf({}, name, "")).toThrow(`${name} is missing`);
  });

  test("a __proto__ that came out of JSON is a member like any other", () => {
    const value = JSON.parse('{"__proto__": {"layers": []}}');
    expect(optionalMember(value, "layers")).toBeUndefined();
    expect(memberOf(value, "__proto__", "")).toEqual({ layers: [] });
  });
});

test("the path names the member; at the top there is none", () => {
  expect(() => memberOf({}, "size", "config")).toThrow("config.size is missing");
  expect(() => memberOf({}, "size", "")).toThrow(": size is missing");
});

test("texts, lists and maps of texts", () => {
  const value = { text: "a", texts: ["a"], map: { a: "b" }, nothing: null, number: 1 };
  expect(optionalString(value, "text", "")).toBe("a");
  expect(optionalString(value, "absent", "")).toBeUndefined();
  expect(() => optionalString(value, "number", "x")).toThrow("x.number is not a string");
  expect(() => optionalStrings(value, "texts", "")).not.toThrow();
  expect(() => optionalStrings(value, "nothing", "")).not.toThrow();
  expect(() => optionalStrings(value, "number", "x")).toThrow("x.number is not a list of strings");
  expect(() => stringMap(value, "map", "")).not.toThrow();
  expect(() => stringMap(value, "nothing", "")).not.toThrow();
  expect(() => stringMap(value, "texts", "x")).toThrow("x.texts is not a map of strings");
});
