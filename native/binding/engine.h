// The engine as a JavaScript object: new Engine(config, wake), now(method, arguments), later(id, method, arguments), drain(),
// hold(flag), close(). Typed in src/native/addon.ts.
#pragma once

#include "engine/engine.h"

#include <napi.h>
#include <memory>

namespace gd {

class EngineObject : public Napi::ObjectWrap<EngineObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit EngineObject(const Napi::CallbackInfo& info);
  ~EngineObject() override;

 private:
  static void leave(EngineObject* self) { self->engine_.reset(); }
  static void wake(Napi::Env env, Napi::Function callback, std::nullptr_t*, void*);
  using Waker = Napi::TypedThreadSafeFunction<std::nullptr_t, void, &EngineObject::wake>;
  using Hook = Napi::Env::CleanupHook<void (*)(EngineObject*), EngineObject>;

  Napi::Value now(const Napi::CallbackInfo& info);
  void later(const Napi::CallbackInfo& info);
  Napi::Value drain(const Napi::CallbackInfo& info);
  void hold(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);
  Engine& engine();

  Waker waker_;
  Hook hook_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace gd
