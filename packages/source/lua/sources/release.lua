--- @include "sources/include/uses"
-- Records that writing the blobs of a claimed source failed.
-- Arguments: digest.
unpin(args.digest)
