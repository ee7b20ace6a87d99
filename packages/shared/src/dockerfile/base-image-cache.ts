import { LRUCache } from 'lru-cache';
import { type BaseImagesOptions, baseImages } from './base-images.js';

/** Characters of Dockerfiles, arguments and names in a cache. */
const maxLength = 1024 * 1024;
/** Longer Dockerfiles are rare, and would displace many others. */
const maxEntryLength = 64 * 1024;

/** Base images by the Dockerfile and all values that they depend on: the functions of a template share its Dockerfile. */
export class BaseImageCache {
  readonly #found = new LRUCache<string, readonly string[]>({
    maxSize: maxLength,
    maxEntrySize: maxEntryLength,
    sizeCalculation: (images, key) => key.length + images.reduce((sum, { length }) => sum + length, 0),
  });

  /** Returns the same as `baseImages`. */
  of(options: BaseImagesOptions): readonly string[] {
    const { dockerfile, buildArgs, platforms, target } = options;
    const key = JSON.stringify([dockerfile, buildArgs, platforms, target]);
    const known = this.#found.get(key);
    if (known) return known;
    const images = baseImages(options);
    this.#found.set(key, images);
    return images;
  }
}
