/* The yardstick of bench/dissect.bench.ts: maps a little-endian Ethernet pcap into memory and counts, per flag, the UDP and TCP
 * datagrams that end in a compact MPIP control message whose sum is right. Prints "packets cms flag0 .. flag5". */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint32_t u32(const uint8_t *p) {
  uint32_t value;
  memcpy(&value, p, 4);
  return value;
}

int main(int argc, char **argv) {
  struct stat status;
  int file = argc == 2 ? open(argv[1], O_RDONLY) : -1;
  if (file < 0 || fstat(file, &status) != 0) {
    fprintf(stderr, "usage: trailers FILE.pcap\n");
    return 2;
  }
  size_t size = (size_t)status.st_size;
  const uint8_t *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
  if (map == MAP_FAILED) return 4;
  madvise((void *)map, size, MADV_SEQUENTIAL);
  unsigned long packets = 0, cms = 0, flags[6] = {0};
  size_t at = 24;
  while (at + 16 <= size) {
    uint32_t length = u32(map + at + 8);
    const uint8_t *frame = map + at + 16;
    if (length > size - at - 16) break;
    at += 16 + (size_t)length;
    packets++;
    if (length < 34 || frame[12] != 8 || frame[13] != 0 || frame[14] >> 4 != 4) continue;
    const uint8_t *ip = frame + 14;
    uint32_t header = (ip[0] & 15u) * 4, total = (uint32_t)ip[2] << 8 | ip[3];
    if (header < 20 || total > length - 14 || (ip[6] & 0x3f) != 0 || ip[7] != 0) continue;
    uint32_t l4;
    if (ip[9] == 17) l4 = 8;
    else if (ip[9] == 6 && total >= header + 20) l4 = (ip[header + 12] >> 4) * 4u;
    else continue;
    if (total < header + l4 + 26) continue;
    const uint8_t *cm = ip + total - 25;
    if (cm[0] != 25 || cm[22] > 5) continue;
    uint32_t sum = 0;
    for (int i = 0; i < 23; i++) sum += cm[i];
    if (sum != (uint32_t)(cm[23] | cm[24] << 8)) continue;
    cms++;
    flags[cm[22]]++;
  }
  printf("%lu %lu %lu %lu %lu %lu %lu %lu\n", packets, cms, flags[0], flags[1], flags[2], flags[3], flags[4], flags[5]);
  return 0;
}
