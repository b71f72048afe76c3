// The module that JavaScript loads; the only one of its kind. Typed in src/native/addon.ts.
#include "binding/convert.h"
#include "binding/describe.h"
#include "binding/engine.h"
#include "binding/errors.h"
#include "checkpoint/safetensors.h"

#include <ATen/Context.h>
#include <torch/version.h>

#include <malloc.h>

namespace gd {

namespace {

// { metadata, tensors: [{name, dtype, shape}] } of a safetensors file; checks the hash when asked.
Napi::Value read_checkpoint(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    SafetensorsFile file(info[0].As<Napi::String>().Utf8Value());
    if (info[1].ToBoolean()) file.verify();
    Value out;
    out.set("metadata", file.metadata());
    out.set("tensors", file.inventory());
    return to_js(info.Env(), out);
  });
}

// The hash (native/checkpoint/hash.h) of a safetensors file's data, as its header keeps it.
Napi::Value hash_checkpoint(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    return Napi::String::New(info.Env(), SafetensorsFile(info[0].As<Napi::String>().Utf8Value()).data_hash());
  });
}

Napi::Value describe_parts(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return to_js(info.Env(), describe()); });
}

// A step frees and asks again for the same large blocks. By default glibc gives blocks above 32 MB back to the system at once, and
// every page of the next one faults in anew: keeping them makes large batches several times faster to fill.
void keep_freed_memory() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 64 << 20);
}

Napi::Object start(Napi::Env env, Napi::Object exports) {
  keep_freed_memory();
  exports.Set("libtorch", Napi::String::New(env, TORCH_VERSION));
#ifdef GADOLINIUM_CUDA
  exports.Set("cuda", Napi::Boolean::New(env, true));
#else
  exports.Set("cuda", Napi::Boolean::New(env, false));
#endif
  exports.Set("devices", Napi::Function::New(
                             env,
                             [](const Napi::CallbackInfo& info) -> Napi::Value {
                               return guarded(info.Env(), [&] {
                                 const bool cuda = at::globalContext().hasCUDA();
                                 return Napi::Number::New(info.Env(),
                                                          cuda ? static_cast<int>(at::detail::getCUDAHooks().deviceCount()) : 0);
                               });
                             },
                             "devices"));
  exports.Set("describe", Napi::Function::New(env, describe_parts, "describe"));
  exports.Set("readCheckpoint", Napi::Function::New(env, read_checkpoint, "readCheckpoint"));
  exports.Set("hashCheckpoint", Napi::Function::New(env, hash_checkpoint, "hashCheckpoint"));
  exports.Set("Engine", EngineObject::define(env));
  return exports;
}

}  // namespace

}  // namespace gd

static Napi::Object initialise(Napi::Env env, Napi::Object exports) { return gd::start(env, exports); }
NODE_API_MODULE(gadolinium, initialise)
