// @ts-check
// Which libtorch, and where it comes from. The only file that names versions and addresses.

/** Releases whose headers the sources compile against: from the first up to, but without, the second. */
export const SUPPORTED = { from: '2.11', below: '2.15' };

export const CPU_VERSION = '2.13.0';
export const CUDA_VERSION = '2.14.1';
export const CUDA_NAME = 'cu130';

/** PyTorch's own index of CPU wheels, asked when pip, as the machine has it set up, offers none. */
export const CPU_WHEEL_INDEX = 'https://download.pytorch.org/whl/cpu/torch/';

/** Any wheel of the release holds the same libraries; the one for this Python is taken, whatever Python is here. */
export const PYTHON = '3.11';

/** Bytes that a fetch needs on the disk, wheels and unpacked files together. */
export const DISK_SPACE = { cpu: 1.2e9, cuda: 9e9 };

/** The wheels of a CUDA libtorch: what it links at run time, and nvcc with its headers. Pinned to what the release names. */
export const CUDA_WHEELS = [
  `torch==${CUDA_VERSION}`,
  'nvidia-cublas==13.1.1.3',
  'nvidia-cuda-cccl==13.0.85',
  'nvidia-cuda-crt==13.0.88',
  'nvidia-cuda-cupti==13.0.85',
  'nvidia-cuda-nvcc==13.0.88',
  'nvidia-cuda-nvrtc==13.0.88',
  'nvidia-cuda-runtime==13.0.96',
  'nvidia-cudnn-cu13==9.24.0.43',
  'nvidia-cufft==12.0.0.61',
  'nvidia-cufile==1.15.1.6',
  'nvidia-curand==10.4.0.35',
  'nvidia-cusolver==12.0.4.66',
  'nvidia-cusparse==12.6.3.3',
  'nvidia-cusparselt-cu13==0.8.1',
  'nvidia-nccl-cu13==2.30.7',
  'nvidia-nvjitlink>=13.0,<14',
  'nvidia-nvshmem-cu13==3.4.5',
  'nvidia-nvtx==13.0.85',
  'nvidia-nvvm==13.0.88',
];

/** The part of a wheel's name that says the machine. */
export const MACHINE = process.arch === 'arm64' ? 'aarch64' : 'x86_64';

/**
 * Files of the wheels that are worth keeping: headers, libraries, compiler, licences; nothing of Python.
 * @param {string} name
 */
export function isWanted(name) {
  if (
    /^torch\/lib\/lib(torch_python|torchbind_test|jitbackend_test|backend_with_compiler|aoti_custom_ops)\.so$/.test(
      name,
    )
  )
    return false;
  if (/\.pyi?$/.test(name)) return false;
  return (
    /^torch\/(include|lib)\//.test(name) ||
    /^nvidia\//.test(name) ||
    /\.dist-info\/(licenses\/)?(LICENSE|NOTICE)[^/]*$/.test(name)
  );
}
