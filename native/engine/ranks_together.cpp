// Several processes as one run: how an engine meets the others.
#include "core/error.h"
#include "engine/engine.h"

#include <ATen/ATen.h>

namespace gd {

// Rank 0, before anybody joins. arguments: { port (0: a free one), timeout (seconds) }. Reply: { port }.
Value Engine::listen(const Value& arguments) {
  meeting_point_ =
      std::make_shared<MeetingPoint>(static_cast<uint16_t>(arguments.integer("port", 0)), arguments.number("timeout", 300));
  Value out;
  out.set("port", static_cast<int64_t>(meeting_point_->port()));
  return out;
}

// After build. arguments: { rank, world, address, port, restart, timeout (seconds), gradientCompression,
// negatives }. Waits for all ranks.
Value Engine::join(const Value& arguments) {
  Meeting meeting;
  meeting.rank = arguments.at("rank").integer();
  meeting.size = arguments.at("world").integer();
  meeting.address = arguments.at("address").text();
  meeting.port = static_cast<uint16_t>(arguments.at("port").integer());
  meeting.restart = arguments.integer("restart", 0);
  meeting.timeout = arguments.number("timeout", 300);
  meeting.device = device_;
  expect(meeting.rank >= 0 && meeting.rank < meeting.size, "bad-world", "expected a rank below ", meeting.size, " but got ",
         meeting.rank);
  auto group = std::make_shared<ProcessGroup>(meeting, std::move(meeting_point_));
  trainer().join(std::move(group), gradient_compression_of(arguments.text("gradientCompression", "none")),
                 negatives_of(arguments.text("negatives", "global")));
  return Value();
}

// Rank 0's weights and state of training on all ranks. arguments: { position }: rank 0's place in the run, null at its start.
// Reply: the same on all ranks.
Value Engine::share(const Value& arguments) {
  ProcessGroup* group = trainer().group();
  expect(group != nullptr, "bad-call", "expected join before share");
  trainer().share();
  const Value* given = arguments.find("position");
  std::string text = group->rank() == 0 && given ? given->dump() : "null";
  Tensor length = at::scalar_tensor(static_cast<int64_t>(text.size()), at::kLong);
  group->broadcast(length);
  text.resize(static_cast<size_t>(length.item<int64_t>()));
  const Tensor bytes = at::from_blob(text.data(), {static_cast<int64_t>(text.size())}, at::kByte);
  group->broadcast(bytes);
  Value out;
  out.set("position", Value::parse(text));
  if (const Value& position = out.at("position"); !position.is_null() && group->rank() > 0) resume_schedule(position);
  return out;
}

// arguments: { mine: bool }. Reply: { any }: whether any rank said true. A rank that waits asks again and again, so that none is taken
// for lost.
Value Engine::any(const Value& arguments) {
  ProcessGroup* group = trainer().group();
  expect(group != nullptr, "bad-call", "expected join before any");
  Tensor said = at::scalar_tensor(arguments.at("mine").flag() ? int64_t{1} : int64_t{0}, at::kLong);
  group->largest(said);
  Value out;
  out.set("any", said.item<int64_t>() != 0);
  return out;
}

}  // namespace gd
