#include <sqfs/block.h>
#include <sqfs/compressor.h>
#include <sqfs/error.h>
#include <sqfs/frag_table.h>
#include <sqfs/io.h>
#include <sqfs/meta_reader.h>
#include <sqfs/super.h>

// What the library calls back, with what the functions need to know behind it.
struct squashfs_source {
  sqfs_file_t file;
  const void *context;
};

struct squashfs_decompressor {
  sqfs_compressor_t compressor;
  const void *context;
};
