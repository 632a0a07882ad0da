// One transfer with libcurl's multi interface, which gives the thread back every 50 ms.

#include "include/NetShim.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// The functions of libcurl that are used, by the types that its header declares.
static struct {
  __typeof__(&curl_global_init) global_init;
  __typeof__(&curl_easy_init) easy_init;
  __typeof__(&curl_easy_setopt) easy_setopt;
  __typeof__(&curl_easy_getinfo) easy_getinfo;
  __typeof__(&curl_easy_cleanup) easy_cleanup;
  __typeof__(&curl_easy_strerror) easy_strerror;
  __typeof__(&curl_multi_init) multi_init;
  __typeof__(&curl_multi_add_handle) multi_add_handle;
  __typeof__(&curl_multi_remove_handle) multi_remove_handle;
  __typeof__(&curl_multi_perform) multi_perform;
  __typeof__(&curl_multi_poll) multi_poll;
  __typeof__(&curl_multi_info_read) multi_info_read;
  __typeof__(&curl_multi_cleanup) multi_cleanup;
  int loaded;
} net;

static void load_once(void) {
  void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (!library) library = dlopen("libcurl-gnutls.so.4", RTLD_NOW | RTLD_LOCAL);
  if (!library) return;
  int missing = 0;
#define LOAD(name) missing |= !(net.name = (__typeof__(net.name))dlsym(library, "curl_" #name))
  LOAD(global_init);
  LOAD(easy_init);
  LOAD(easy_setopt);
  LOAD(easy_getinfo);
  LOAD(easy_cleanup);
  LOAD(easy_strerror);
  LOAD(multi_init);
  LOAD(multi_add_handle);
  LOAD(multi_remove_handle);
  LOAD(multi_perform);
  LOAD(multi_poll);
  LOAD(multi_info_read);
  LOAD(multi_cleanup);
#undef LOAD
  net.loaded = !missing && net.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

struct transfer {
  int descriptor;
  long long done, limit;
  int too_large, write_error;
};

static size_t take(char *data, size_t size, size_t count, void *user) {
  struct transfer *t = user;
  size_t length = size * count, written = 0;
  if ((long long)length > t->limit - t->done) {
    t->too_large = 1;
    return 0;
  }
  while (written < length) {
    ssize_t n = write(t->descriptor, data + written, length - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      t->write_error = errno;
      return 0;
    }
    written += (size_t)n;
  }
  t->done += (long long)length;
  return length;
}

int howdah_fetch(const char *address, int descriptor, long long limit, howdah_fetch_watch watch, void *context,
                 char *reason, size_t reason_size) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, load_once);
  if (!net.loaded) {
    snprintf(reason, reason_size, "libcurl is not installed (Debian: libcurl4)");
    return HOWDAH_FETCH_FAILED;
  }
  CURL *easy = net.easy_init();
  CURLM *multi = net.multi_init();
  if (!easy || !multi) {
    if (easy) net.easy_cleanup(easy);
    if (multi) net.multi_cleanup(multi);
    snprintf(reason, reason_size, "there is no memory");
    return HOWDAH_FETCH_FAILED;
  }
  struct transfer transfer = {descriptor, 0, limit, 0, 0};
  char detail[CURL_ERROR_SIZE] = "";
  int secure = !strncmp(address, "https:", 6);
  net.easy_setopt(easy, CURLOPT_URL, address);
  net.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  net.easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
  net.easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
  net.easy_setopt(easy, CURLOPT_MAXREDIRS, 10L);
  net.easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
  net.easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  net.easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, 30L);
  net.easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 100L);
  net.easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, 60L);
  net.easy_setopt(easy, CURLOPT_USERAGENT, "howdah");
  net.easy_setopt(easy, CURLOPT_ERRORBUFFER, detail);
  net.easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
  net.easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  net.multi_add_handle(multi, easy);

  int running = 1, stopped = 0;
  CURLMcode state = CURLM_OK;
  while (running && !stopped && state == CURLM_OK) {
    state = net.multi_perform(multi, &running);
    if (state == CURLM_OK && running) state = net.multi_poll(multi, NULL, 0, 50, NULL);
    curl_off_t total = 0;
    net.easy_getinfo(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &total);
    stopped = watch(context, transfer.done, total > 0 ? (long long)total : 0);
  }
  CURLcode code = state == CURLM_OK ? CURLE_OK : CURLE_FAILED_INIT;
  int waiting;
  for (CURLMsg *m; (m = net.multi_info_read(multi, &waiting));)
    if (m->msg == CURLMSG_DONE) code = m->data.result;
  net.multi_remove_handle(multi, easy);
  net.easy_cleanup(easy);
  net.multi_cleanup(multi);

  if (stopped) return HOWDAH_FETCH_STOPPED;
  if (code == CURLE_OK) return HOWDAH_FETCHED;
  if (transfer.too_large)
    snprintf(reason, reason_size, "is larger than %lld MiB", limit >> 20);
  else if (transfer.write_error)
    snprintf(reason, reason_size, "cannot be written: %s", strerror(transfer.write_error));
  else
    snprintf(reason, reason_size, "%s", detail[0] ? detail : net.easy_strerror(code));
  return HOWDAH_FETCH_FAILED;
}
