/* Preloaded into a process that uses libcamera, on a kernel that has neither udmabuf nor a DMA heap: what these devices
   give is a file descriptor of memory, and so a memfd stands in for it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>

static int is_shared_memory(const char *path)
{
	return !strcmp(path, "/dev/udmabuf") || !strcmp(path, "/dev/dma_heap/linux,cma");
}

#define DEFINE_OPEN(NAME)                                                                     \
	int NAME(const char *path, int flags, ...)                                            \
	{                                                                                     \
		va_list arguments;                                                            \
		va_start(arguments, flags);                                                   \
		int mode = va_arg(arguments, int);                                            \
		va_end(arguments);                                                            \
		if (is_shared_memory(path))                                                   \
			return memfd_create("device", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);   \
		return ((int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #NAME))(path, flags, mode); \
	}
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	va_start(arguments, request);
	void *argument = va_arg(arguments, void *);
	va_end(arguments);
	switch ((unsigned int)request) {
	case UDMABUF_CREATE: {
		struct udmabuf_create *buffer = argument;
		return fcntl(buffer->memfd, F_DUPFD_CLOEXEC, 3);
	}
	case DMA_HEAP_IOCTL_ALLOC: {
		struct dma_heap_allocation_data *allocation = argument;
		int memory = memfd_create("heap", MFD_CLOEXEC);
		if (memory < 0)
			return -1;
		if (ftruncate(memory, allocation->len)) {
			close(memory);
			return -1;
		}
		allocation->fd = memory;
		return 0;
	}
	case DMA_BUF_IOCTL_SYNC:
	case DMA_BUF_SET_NAME_A:
	case DMA_BUF_SET_NAME_B:
		return 0;
	}
	return ((int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl"))(fd, request, argument);
}
