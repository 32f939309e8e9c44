/* The few functions of NVML that are asked, answering as FAKE_NVML says:
   "driver|cuda|uuid,name,GiB,MIG instances;uuid,name,GiB,MIG instances;..."; -1 instances: MIG is
   off; a name of "lost": the GPU has fallen off the bus; a driver of "mismatch": nothing works; -4
   GiB: error 4 where a card is asked for its memory or mode, whose instances answer; "hidden" in a
   UUID or a name: the driver does not tell it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { char uuid[64], name[64]; int gib, instances; } gpu;
typedef struct { unsigned long long total, free, used; } memory;
static gpu gpus[16], parts[16][8];
static char driver[64];
static int cuda, count;

int nvmlInit_v2(void) {
  char text[2048], *save, *one;
  strncpy(text, getenv("FAKE_NVML"), sizeof text - 1);
  strcpy(driver, strtok_r(text, "|", &save));
  cuda = atoi(strtok_r(NULL, "|", &save));
  char *list = strtok_r(NULL, "|", &save);
  for (count = 0; list && (one = strtok_r(list, ";", &save)); list = NULL, count++) {
    do {
      gpu *g = &gpus[count];
      sscanf(one, "%63[^,],%63[^,],%d,%d", g->uuid, g->name, &g->gib, &g->instances);
      for (int i = 0; i < g->instances; i++) {
        parts[count][i] = (gpu){.gib = g->gib < 0 ? 10 : g->gib / 8, .instances = -1};
        sprintf(parts[count][i].uuid, "MIG-%s-%d", g->uuid + 4, i);
        sprintf(parts[count][i].name, "%.50s MIG", g->name);
      }
    } while ((one = strtok_r(NULL, ";", &save)) && ++count);
  }
  return strcmp(driver, "mismatch") ? 0 : 18;
}
const char *nvmlErrorString(int code) {
  return code == 18 ? "Driver/library version mismatch" : code == 15 ? "GPU is lost"
    : code == 4 ? "Insufficient Permissions" : code == 3 ? "Not Supported" : "Not Found";
}
int nvmlSystemGetDriverVersion(char *to, unsigned n) { strncpy(to, driver, n); return 0; }
int nvmlSystemGetCudaDriverVersion_v2(int *to) { *to = cuda; return 0; }
int nvmlDeviceGetCount_v2(unsigned *to) { *to = count; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, gpu **to) {
  *to = &gpus[i];
  return strcmp(gpus[i].name, "lost") ? 0 : 15;
}
static int tell(const char *text, char *to, unsigned n) {
  if (strstr(text, "hidden")) return 4;
  strncpy(to, text, n);
  return 0;
}
int nvmlDeviceGetUUID(gpu *g, char *to, unsigned n) { return tell(g->uuid, to, n); }
int nvmlDeviceGetName(gpu *g, char *to, unsigned n) { return tell(g->name, to, n); }
int nvmlDeviceGetMemoryInfo(gpu *g, memory *to) {
  if (g->gib < 0) return -g->gib;
  to->total = (unsigned long long)g->gib << 30;
  return 0;
}
int nvmlDeviceGetMigMode(gpu *g, unsigned *now, unsigned *next) {
  if (g->gib < 0) return -g->gib;
  *now = *next = g->instances >= 0;
  return 0;
}
int nvmlDeviceGetMaxMigDeviceCount(gpu *g, unsigned *to) { *to = 7; return 0; }
int nvmlDeviceGetMigDeviceHandleByIndex(gpu *g, unsigned i, gpu **to) {
  *to = &parts[g - gpus][i];
  return (int)i < g->instances ? 0 : 6;
}
