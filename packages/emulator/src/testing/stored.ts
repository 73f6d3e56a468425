import { digestOf, MediaType } from "@acrkit/oci";
import { OPEN } from "../storage/records.ts";
import type { Store } from "../storage/store.ts";

/** Source of a test's times; each is later than the one before. */
let seconds = Date.parse("2024-01-01T00:00:00Z") / 1000;
const nextTime = () => new Date(seconds++ * 1000).toISOString();

/** A manifest of these blobs, put as a push does; gives its digest and bytes. */
export function putManifest(store: Store, repository: string, blobs: readonly string[], annotation = "") {
  const [config = "{}", ...layers] = blobs;
  const descriptor = (text: string) => ({
    mediaType: MediaType.ociLayer,
    digest: digestOf(Buffer.from(text)),
    size: Buffer.byteLength(text),
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: descriptor(config),
    layers: layers.map(descriptor),
    annotations: { annotation },
  };
  const content = Buffer.from(JSON.stringify(manifest));
  const digest = digestOf(content);
  const [createdTime, lastUpdateTime] = [nextTime(), nextTime()];
  const times = { createdTime, lastUpdateTime, attributes: OPEN };
  store.transaction(() => {
    if (store.repositories.get(repository) === undefined) store.repositories.put({ name: repository, ...times });
    store.manifests.put(
      repository,
      { digest, mediaType: MediaType.ociManifest, size: content.byteLength, imageSize: 0, ...times },
      content,
    );
  });
  return { digest, content };
}

export function putTag(store: Store, repository: string, name: string, digest: ReturnType<typeof digestOf>): void {
  const time = nextTime();
  store.tags.put(repository, { name, digest, createdTime: time, lastUpdateTime: time, attributes: OPEN });
}
