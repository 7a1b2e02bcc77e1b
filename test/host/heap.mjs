// The heap of the processes that tests start, where glibc has it: the compiler of a software adapter takes and frees hundreds of
// megabytes for each kernel. Kept instead of given back to the system, and in large pages, they cost less processor time.

const settings = {
  MALLOC_TRIM_THRESHOLD_: "1073741824", // bytes
  MALLOC_MMAP_THRESHOLD_: "33554432", // the most that it takes
  GLIBC_TUNABLES: "glibc.malloc.hugetlb=1",
};
for (const [name, value] of Object.entries(settings)) process.env[name] ??= value;
