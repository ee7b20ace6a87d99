--- @include "sources/include/uses"
-- Notes that the blobs of a claimed source could not be written.
-- Arguments: digest.
unpin(args.digest)
