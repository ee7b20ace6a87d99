/** The kinds of blobs: the folders of a store. */
export const blobKinds = ['sources', 'logs'] as const;

export type BlobKind = (typeof blobKinds)[number];
