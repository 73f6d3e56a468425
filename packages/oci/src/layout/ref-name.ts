import type { Descriptor } from "../descriptor.ts";
import { isInvalidInputError } from "../errors.ts";
import { isTag, parseReference } from "../reference.ts";

/** Names an entry of a layout's `index.json`. @see OCI image-spec v1.1.1, annotations.md */
export const REF_NAME_ANNOTATION = "org.opencontainers.image.ref.name";

// annotations.md: ref ::= component ("/" component)*; component ::= alphanum (separator alphanum)*;
// alphanum ::= [A-Za-z0-9]+; separator ::= [-._:@+] | "--"
const COMPONENT = "[A-Za-z0-9]+(?:(?:--|[-._:@+])[A-Za-z0-9]+)*";
const REF_NAME = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);

/** The longest repository name, registry, tag and digest together stay below it by far. */
const MAX_REF_NAME_CHARACTERS = 1024;

/** True when `text` is a reference name by the specification's grammar; what tools write is not always one. */
export function isRefName(text: string): boolean {
  return text.length <= MAX_REF_NAME_CHARACTERS && REF_NAME.test(text);
}

/** The name of a layout's entry, or undefined when it has none. */
export function refNameOf(descriptor: Descriptor): string | undefined {
  // Some tools write `"annotations": null`.
  const annotations = descriptor.annotations ?? {};
  return Object.hasOwn(annotations, REF_NAME_ANNOTATION) ? annotations[REF_NAME_ANNOTATION] : undefined;
}

/** A descriptor with a name, in place of the one it had. */
export function withRefName(descriptor: Descriptor, name: string): Descriptor {
  return { ...descriptor, annotations: { ...descriptor.annotations, [REF_NAME_ANNOTATION]: name } };
}

/**
 * The tag in a reference name, or undefined when there is none.
 *
 * umoci, oras, docker and skopeo (by default) write the tag alone: `v1`. Others, and skopeo when asked to, write a whole
 * reference: `registry.example/app:v1`. A name without a colon is a tag, never a repository.
 */
export function tagOfRefName(name: string): string | undefined {
  if (isTag(name)) return name;
  try {
    return parseReference(name).tag;
  } catch (error) {
    if (isInvalidInputError(error)) return undefined;
    throw error;
  }
}
