#include "binding/engine.h"

#include "binding/convert.h"
#include "binding/errors.h"

namespace gd {

// The life of the wake-up function, each rule once seen to fail without it:
//  – the native thread makes one call without data per drain, never blocking; the JavaScript callback fetches all events;
//  – when the environment is empty the call does nothing (the engine may be gone);
//  – an environment-cleanup hook, added after the function, joins the thread and does not release the function;
//  – the function is referenced only while JavaScript waits for something, so an idle engine does not hold the process.
void EngineObject::wake(Napi::Env env, Napi::Function callback, std::nullptr_t*, void*) {
  if (env == nullptr || callback == nullptr) return;
  try {
    callback.Call({});
  } catch (...) {  // the callback catches everything itself (src/native/engine.ts); nothing may pass here
  }
}

Napi::Function EngineObject::define(Napi::Env env) {
  return DefineClass(env, "Engine",
                     {InstanceMethod<&EngineObject::now>("now"), InstanceMethod<&EngineObject::later>("later"),
                      InstanceMethod<&EngineObject::drain>("drain"), InstanceMethod<&EngineObject::hold>("hold"),
                      InstanceMethod<&EngineObject::close>("close")});
}

EngineObject::EngineObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<EngineObject>(info) {
  Napi::Env env = info.Env();
  guarded(env, [&] {
    gd::Value config = from_js(info[0]);
    waker_ = Waker::New(env, info[1].As<Napi::Function>(), "gadolinium events", 0, 1);
    waker_.Unref(env);
    try {
      engine_ = std::make_unique<Engine>(std::move(config), [waker = waker_] { waker.NonBlockingCall(); });
    } catch (...) {
      waker_.Release();
      throw;
    }
    hook_ = env.AddCleanupHook(&EngineObject::leave, this);
  });
}

EngineObject::~EngineObject() {
  // Collected without close(): the cleanup hook must not see a dead object.
  if (engine_) {
    hook_.Remove(Env());
    engine_.reset();
  }
}

Engine& EngineObject::engine() {
  expect(engine_ != nullptr, "closed", "expected an open engine but it was closed");
  return *engine_;
}

Napi::Value EngineObject::now(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return to_js(info.Env(), engine().now(info[0].As<Napi::String>(), from_js(info[1]))); });
}

void EngineObject::later(const Napi::CallbackInfo& info) {
  guarded(info.Env(),
          [&] { engine().later(info[0].As<Napi::Number>().Int64Value(), info[1].As<Napi::String>(), from_js(info[2])); });
}

Napi::Value EngineObject::drain(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!engine_) return Napi::Array::New(info.Env());
    return to_js(info.Env(), gd::Value(engine_->drain()));
  });
}

void EngineObject::hold(const Napi::CallbackInfo& info) {
  if (!engine_) return;
  if (info[0].ToBoolean()) {
    waker_.Ref(info.Env());
  } else {
    waker_.Unref(info.Env());
  }
}

void EngineObject::close(const Napi::CallbackInfo& info) {
  if (!engine_) return;
  hook_.Remove(info.Env());
  engine_.reset();
  waker_.Release();
}

}  // namespace gd
