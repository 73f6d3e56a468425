import type { ContainerRegistryClient } from "@acrkit/client";

/** A registry that a suite runs against. */
export interface RegistryUnderTest {
  /** A client that may do everything. */
  readonly client: ContainerRegistryClient;
  /** `http://127.0.0.1:5000` */
  readonly endpoint: string;
  close(): Promise<void>;
}

/** How to get one. */
export interface RegistryHarness {
  readonly name: string;
  /** Why it cannot run here, or undefined. Printed: a suite that did not run must not look like one that passed. */
  readonly missing: string | undefined;
  start(): Promise<RegistryUnderTest>;
}
