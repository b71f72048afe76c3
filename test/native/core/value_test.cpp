#include "core/value.h"
#include "core/event.h"
#include "core/options.h"
#include "test.h"

#include <cmath>

namespace gd {

TEST("values survive a round trip through JSON") {
  const std::string text = R"({"a":[1,-2.5,1e-09,true,false,null],"b":{"c":"\u00e4\ud83d\ude00 \"x\"\n"},"d":[],"e":{}})";
  const Value value = Value::parse(text);
  EXPECT(Value::parse(value.dump()).dump() == value.dump());
  EXPECT(value.at("a").array()[2].number() == 1e-9);
  EXPECT(value.at("b").at("c").text() == "ä😀 \"x\"\n");
  EXPECT(value.dump().find("\\n") != std::string::npos);
  EXPECT(Value(std::nan("")).dump() == "null");
}

TEST("wrong JSON is refused with its place, deep nesting before the stack ends") {
  for (const char* wrong : {"", "{", "[1,]", "{\"a\" 1}", "tru", "\"\\x\"", "\"open", "1 2", "{\"a\":1,}", "\"\\u12"})
    EXPECT_THROWS(Value::parse(wrong), "expected");
  EXPECT_THROWS(Value::parse(std::string(100000, '[')), "at most 200 levels");
}

TEST("options are checked against their list") {
  const OptionList list{number_option("lr", 0.1, "rate"), choice_option("mode", {"min", "max"}, "which"),
                        required(integer_option("n", 0, "count"))};
  const auto make = [&](Value::Object given) { return Options(list, Value(std::move(given)), "thing"); };
  EXPECT(make({{"n", 3}}).number("lr") == 0.1);
  EXPECT(make({{"n", 3}}).text("mode") == "min");
  EXPECT_THROWS(make({}), "expected an integer for thing.n but it was not given");
  EXPECT_THROWS(make({{"n", 2.5}}), "expected an integer for thing.n but got 2.5");
  EXPECT_THROWS(make({{"n", 1}, {"mode", "median"}}), "expected one of 'min' 'max' for thing.mode but got \"median\"");
  EXPECT_THROWS(make({{"n", 1}, {"rate", 1}}), "expected an option of thing but got 'rate'; it has: lr, mode, n");
}

TEST("events: one wake-up per drain; lifecycle is kept, steps are thinned and counted") {
  int wakes = 0;
  EventChannel channel([&] { ++wakes; }, 8);
  Value start, step;
  start.set("type", "run-started");
  step.set("type", "step");
  channel.send(start);
  for (int i = 0; i < 100; ++i) channel.step(step);
  EXPECT(wakes == 1);
  const auto events = channel.drain();
  EXPECT(events.size() <= 10);
  EXPECT(events.front().at("type").text() == "run-started");
  EXPECT(events.back().at("code").text() == "events-thinned");
  EXPECT(events.back().at("count").integer() + static_cast<int64_t>(events.size()) - 2 == 100);
  channel.send(start);
  EXPECT(wakes == 2);
}

}  // namespace gd
