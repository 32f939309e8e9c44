"""Texts and codes of CUDA, its libraries, compilers and collectives, by their meaning for a job.

Texts are matched in lower case. They are those of cudaGetErrorString, of the libraries' status
names and of public threads: patterns for families of messages, not whole sentences.
"""

from typing import Literal

Meaning = Literal["memory", "process", "link", "setup", "job"]
"""`memory`: a smaller batch may fit. `process`: this process can no longer use its GPU. `link`:
another worker or the network failed. `setup`: the host or the installation has a fault. `job`:
none of these."""


CODES: dict[Meaning, tuple[int, ...]] = {
    "memory": (2,),
    "process": (
        *(3, 4, 46, 201, 214, 220, 226, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 721),
        *(806, 810, 911, 999),
    ),
    "setup": (
        *(35, 36, 98, 100, 101, 200, 209, 218, 221, 222, 300, 304, 500),
        *(802, 803, 804, 805, 807, 808, 809),
    ),
}
"""Values of cudaError_t (CUDA 12 and 13), torch's `error_code`. Every other value means `job`."""

KERNEL = r"out of resources?: |outofresources|too many (resources requested|blocks in cooperative)"
"""A kernel that needs more of a multiprocessor than it has: a smaller batch does not help."""

COLLECTIVE = r"detected mismatch between collectives|collectives differ in"
"""Ranks that call different collectives: an error in the network's code, which a retry repeats."""

_LIBRARY = r"(cublas(lt)?|cudnn|cusolver|cusparse(lt)?|cufft|curand|nvrtc)"

# Users' code raises RuntimeError too, with similar words. So a text counts only where it also names
# the device, the library or the allocator.
OF_DEVICE = r"cuda|\bhip\b|gpu|device-side|nccl|nvml|nvrm|nvlink|nvidia|triton|\bthc|" + _LIBRARY
# oneDNN, on a CPU, names no cause (ideep's wrapper in torch 2.13 drops the status). A primitive
# whose descriptor was made fails for lack of memory: for its code, its buffers or its weights. One
# that is not supported fails at its descriptor. Tried with 20 to 700 MB of address space.
_ONEDNN = r"^\W*could not (create|execute) a (primitive|memory object)\W*$"
OF_MEMORY = (
    OF_DEVICE + r"|\bmps\b|\bxpu\b|\b(device|host|shared) memory|alloc(ator|_)|memalign|bad_alloc|"
    r"\bcannot allocate memory|\d (bytes|[kmgt]i?b)\b|/torch_|\bshm\b|dataloader|find an engine|"
    r"^\W*out of memory\W*$|" + _ONEDNN
)
OF_GROUP = (
    r"nccl|gloo|c10d|torch\.distributed|process ?group|\bpair\.cc|pair closure|\btcp_?store|"
    r"\brank \d|\bcollective|connectfullmesh|monitored_?barrier|client socket|rendezvous|"
    r"/default_pg/|^\W*socket timeout\W*$"
)

MEMORY = (
    r"out[ _]of[ _](the[ _])?(shared[ _]|host[ _]|device[ _]|gpu[ _])?memory",
    r"cudaerrormemoryallocation|posix_memalign|bad[ _]alloc|tried to allocate",
    r"_alloc(ation)?_failed|(memory|resource) allocation (failed|failure|error)",
    r"(can ?not|can't|could not|unable to|failed to) (be )?(cuda )?(host )?(c|m|re)?alloc(ate)?\b",
    r"(not enough|insufficient) (\w+ )?memory",
    _ONEDNN,
    # A library without memory for its handle, plan or workspace reports the step that failed:
    # cuBLAS, cuDNN and cuSOLVER when a handle is made, cuFFT always (pytorch/pytorch#119420).
    _LIBRARY + r"\w*_(not_initialized|init\w*_failed)|library not initialized|cufft_internal_error",
    _LIBRARY + r"\w*_internal_error,? when calling .?cu\w+create",
    r"unable to find (an engine|a valid cudnn algorithm)|no valid (convolution|cudnn) algo",
    # On a MIG instance NVML refuses to give a process's memory. torch reads it only when memory is
    # short (pytorch/pytorch#112377).
    r"nvml_success == r\b",
    # The kernel's out-of-memory killer, where the host has no memory left.
    r"dataloader worker[^\n]*killed by signal: killed",
    # Shared memory of data workers: a write to a full /dev/shm ends the process by this signal.
    r"shared memory ?\(shm\)|killed by signal: bus error|unexpected bus error",
    r"unable to (open|write|resize|map|mmap|stat)[^\n]*(shared memory object|<?/torch_)",
)

PROCESS = (
    r"illegal memory access|misaligned address|illegal instruction|invalid program counter",
    r"hardware stack error|device-side assert|handles_\.at\(i\) internal assert",
    r"(unspecified|kernel) launch failure|launch timed out|not supported on global/shared",
    r"\becc error|uncorrectable|nvlink error|over nvlink|contained error|tensor memory leak",
    r"unable to determine the device handle|fallen off the bus|\bxid\W*(\d|pci)|xid error",
    r"(gpu|device) (is|was|has been) lost|device lost",
    r"driver shutting down|context is destroyed|invalid device context|gpu requires reset",
    r"(cuda|hip|driver|runtime)[^\n]*\bunknown error|cudaerrorunknown|\bexternal entity outside",
    r"(cuda|hip|driver)[^\n]*\binitialization error|busy or unavailable",
    r"mps client (has been terminated|failed to communicate)|mps rpc failure",
    _LIBRARY + r"\w*_(exec(ution)?_failed|mapping_error|internal_error|launch_failure)",
    r"gpu program failed to execute|access to gpu memory space failed|preexisting_failure",
    r"cuda_error_(illegal_\w+|misaligned_address|assert|launch_(failed|timeout)|hardware_stack_error)",
    r"cuda_error_(ecc_uncorrectable|unknown|deinitialized|invalid_pc|device_unavailable)",
    r"cudaerror(illegal\w+|misaligned|assert|launch(failure|timeout)|hardware\w+|ecc\w+|devicesunav)",
)

_BUILD = (
    "install a build of torch that is made for this GPU: torch.cuda.get_arch_list() names what "
    "this one is made for"
)
_DRIVER = (
    "update the host's NVIDIA driver (restart it after an update), or install a torch for an older "
    "CUDA"
)
_VISIBLE = (
    "compare CUDA_VISIBLE_DEVICES and `nvidia-smi` on the host with `gpus` of the job's resources"
)
_CONTAINER = (
    "restart the container, which has lost the host's GPUs: `docker run --gpus all`; `nvidia-smi` "
    "has to list them inside it"
)
_LIBCUDA = (
    "let the linker find the driver's libcuda.so: run `ldconfig`, or set TRITON_LIBCUDA_PATH to "
    "its folder; in a container start it with `--gpus all`; or set `compile: false` in the recipe"
)
_MPS = (
    "start the daemon of MPS again with fewer processes (`nvidia-cuda-mps-control -d`), or unset "
    "CUDA_MPS_PIPE_DIRECTORY and do without it"
)
_COMPILER = (
    "install gcc, g++ and Python's headers on the host, or set `compile: false` in the recipe"
)
_INTERFACE = (
    "GLOO_SOCKET_IFNAME and NCCL_SOCKET_IFNAME, where they are set, and `interface` under the "
    "job's `resources` have to name a network interface that every host has: `ip address` lists "
    "them"
)
SHM = (
    "give the container more shared memory: `docker run --shm-size=8g`, or an emptyDir of medium "
    "Memory at /dev/shm"
)
SETUP = (
    (r"triton error[^\n]*kernel image is invalid", f"{_BUILD}; or {_DRIVER}"),
    (r"provided ptx|unsupported (toolchain|ptx)|ptx jit", f"{_BUILD}; or {_DRIVER}"),
    (r"no kernel image|invalid device function|kernel image is invalid|named symbol not", _BUILD),
    (r"arch_mismatch|not compatible with the current pytorch|ptx (was|compil)", _BUILD),
    (r"not compiled with cuda|cuda_error_(no_binary|invalid_image)", _BUILD),
    (r"gpu-architecture|\bsm_\d+\w* is not|failed to open libnvrtc|ptxas fatal", _BUILD),
    (r"driver version is insufficient|driver on your system is too old|newer driver", _DRIVER),
    (r"forward compatibility|unsupported display driver|driver/library version", _DRIVER),
    (r"found no nvidia driver|driver initialization failed", _DRIVER),
    (r"(initialize|initialise) nvml|os call failed", _CONTAINER),
    (
        r"system not yet initialized|cudaerrorsystemnotready|fabric ?manager",
        "start NVIDIA's Fabric Manager in the driver's version: `systemctl restart "
        "nvidia-fabricmanager`; GPUs behind an NVSwitch need it",
    ),
    (r"mps client failed to connect|mps server is not ready|required to create mps", _MPS),
    (
        r"required to support device conn|mps (max|server reached)|cudaerrormps(conn|server|max)",
        _MPS,
    ),
    (r"\b0 active drivers|libcuda\.so[^\n]*(cannot|not found)|cannot find -lcuda\b", _LIBCUDA),
    (r"invalid device (ordinal|id)|no cuda(-capable)? (device|gpu)s?|no_device", _VISIBLE),
    (r"no gpus? (found|available)|device < num_gpus|device_count", _VISIBLE),
    (
        r"duplicate gpu detected",
        "give every worker a GPU of its own, or `gpus` below 1: gloo lets workers share one",
    ),
    (
        r"ncclinvalid(usage|argument)|nccl[^\n]*version mismatch|mismatched? nccl",
        "start every worker with the same torch, and with the same job",
    ),
    (
        r"cudnn[\w ]*version[_ ](mismatch|incompatib)|sublibrary_loading_failed|"
        r"load[^\n]*libcudnn\w*\.so|libcudnn\w*\.so\S* cannot|load symbol cudnn",
        "take other cuDNN libraries off LD_LIBRARY_PATH: torch brings its own",
    ),
    (
        r"load[^\n]* lib(cublas|cusolver|cusparse|cufft|curand|nvrtc|nccl|cudart|nvjitlink)\w*\.so",
        "take other CUDA libraries off LD_LIBRARY_PATH: torch brings its own",
    ),
    (r"no socket interface found|unable to find (address for|interface)", _INTERFACE),
    (
        r"address already in use|eaddrinuse",
        "end the process that holds the port (`ss -ltnp` names it), or set MASTER_PORT to another",
    ),
    (
        r"cannot assign requested address|gai error: -[25]\b|name or service not known",
        "set MASTER_ADDR to an address of the first worker's host that all hosts know",
    ),
    (
        r"\bibv_\w+[^\n]*cannot allocate memory",
        "raise the limit of locked memory: `ulimit -l unlimited`, `docker run --ulimit memlock=-1`",
    ),
    (r"(/torch_|shared memory)[^\n]*no space left on device", SHM),
    (r"failed to find c compiler|working triton|too old to be supported by the triton", _COMPILER),
    (
        r"(no|find a) working c\+\+ compiler|compiler: \S+ is not found|"
        r"invalidcxxcompiler|cannot find (-l\w|\S*crt\w\.o)",
        _COMPILER,
    ),
    (
        r"(python|omp|std\w+|math|limits|features|\w+intrin|sys/\w+|stubs[\w-]*)\.h: no such",
        _COMPILER,
    ),
    (r"command [^\n]*(cuda_utils|triton|\bgcc|g\+\+|\bclang)[^\n]*non-zero", _COMPILER),
    (r"cannot execute .?cc1|(gcc|g\+\+|clang|c\+\+)'?:? (command )?not found", _COMPILER),
    (r"no such file or directory: '(gcc|g\+\+|clang(\+\+)?|cc|c\+\+)'", _COMPILER),
    (r"too many open files", "raise the limit of open files: `ulimit -n 65536`"),
    (r"re-initialize cuda in forked", "start processes by spawn where the network's code does"),
)

LINK = (
    r"connection (was )?(closed|reset|refused|timed out|aborted)|broken pipe|remote (peer|process)",
    r"collective operation timeout|ncclremoteerror|ncclsystemerror|ncclinternalerror",
    r"unhandled (system|cuda) error|nccl[^\n]*(abort|timed? ?out|error)|watchdog",
    r"socket (timeout|error|has timed out)|no route to host|(network|host) is unreachable",
    r"(gloo|process ?group|barrier|store|peer|rank|recv|send|rendezvous)[^\n]*tim(ed|e) ?out",
    r"timed? ?out[^\n]*(gloo|process ?group|barrier|store|peer|rank|recv|send|client)",
    r"monitored_?barrier|connectfullmesh|heartbeat|application timeout caused pair closure",
    r"wait timeout after \d+ms|enforce fail at [^\n]*pair\.cc|op\.(preamble|nbytes)",
)
