// Features in bulk, and ranks without an N×M matrix.
#include "core/error.h"
#include "core/group.h"
#include "engine/engine.h"
#include "engine/tensor_bytes.h"

#include <ATen/ATen.h>

namespace gd {

namespace {

// One text of every rank, in their order.
std::vector<std::string> gather_texts(const std::string& mine, Group& group) {
  Tensor length = at::scalar_tensor(static_cast<int64_t>(mine.size()), at::kLong);
  const Tensor lengths = group.gather(length.view({1})).view({-1});
  const Tensor padded = at::zeros({lengths.max().item<int64_t>() + 1}, at::kByte);
  std::memcpy(padded.mutable_data_ptr(), mine.data(), mine.size());
  const Tensor all = group.gather(padded);
  std::vector<std::string> out;
  for (int64_t rank = 0; rank < group.size(); ++rank)
    out.emplace_back(static_cast<const char*>(all[rank].const_data_ptr()), static_cast<size_t>(lengths[rank].item<int64_t>()));
  return out;
}

// Rows of all ranks, of which each holds a part of `share` rows, the last ones fewer or none. A rank without rows does not know
// the width either.
Tensor gather_parts(const Tensor& mine, int64_t share, int64_t rows, Group& group) {
  Tensor sizes = at::zeros({8}, at::kLong);
  for (int64_t d = 1; d < mine.dim(); ++d) sizes[d] = mine.size(d);
  sizes[0] = mine.dim();
  group.largest(sizes);
  std::vector<int64_t> shape{share};
  for (int64_t d = 1; d < sizes[0].item<int64_t>(); ++d) shape.push_back(sizes[d].item<int64_t>());
  Tensor padded = at::zeros(shape, mine.options());
  if (mine.numel() > 0) {
    Tensor place = padded;
    for (int64_t d = 0; d < mine.dim(); ++d) place = place.narrow(d, 0, mine.size(d));
    place.copy_(mine);
  }
  return group.gather(padded).flatten(0, 1).narrow(0, 0, rows);
}

}  // namespace

// With several ranks each embeds a part of the rows, and all have the whole afterwards.
// arguments: { data, rows (uint32 bytes), features: [name…], batch, averaged, threads }. Only the inputs whose modality is
// asked for are read. Reply: { features: {name: { data (float32 bytes), shape }}, present (uint8 bytes), rejects }.
Value Engine::embed(const Value& arguments) {
  const auto data = dataset(arguments.at("data").integer());
  auto rows = numbers_of<uint32_t>(arguments.at("rows"));
  Group* group = trainer().group();
  const int64_t all_rows = static_cast<int64_t>(rows.size());
  const int64_t share = group ? (all_rows + group->size() - 1) / group->size() : all_rows;
  if (group) {
    const int64_t from = std::min(group->rank() * share, all_rows), to = std::min(from + share, all_rows);
    rows = {rows.begin() + from, rows.begin() + to};
  }
  const int64_t batch = arguments.integer("batch", 64);
  const bool averaged = arguments.flag("averaged", false);
  std::vector<std::string> wanted;
  for (const auto& name : arguments.at("features").array()) wanted.push_back(name.text());
  std::vector<NamedInput> inputs;
  for (auto& input : make_inputs(config_.at("data"))) {
    const bool asked = std::any_of(wanted.begin(), wanted.end(), [&](const std::string& name) {
      return name.compare(0, input.modality.size() + 1, input.modality + ".") == 0;
    });
    if (!asked) continue;
    input.stream = 0;  // evaluation looks at every input of one row
    inputs.push_back(std::move(input));
  }
  expect(!inputs.empty(), "bad-option", "expected a feature of one of the recipe's modalities but got '",
         wanted.empty() ? "" : wanted[0], "'");

  LoaderOptions options;
  options.batch = batch;
  options.threads = static_cast<int>(arguments.integer("threads", 1));
  options.seed = static_cast<uint64_t>(config_.integer("seed", 0));
  options.training = false;
  options.pinned = !device_.is_cpu();
  Loader loader(data, inputs, options);
  const size_t whole = rows.size() / static_cast<size_t>(batch) * static_cast<size_t>(batch);
  if (whole > 0) loader.push({rows.begin(), rows.begin() + static_cast<int64_t>(whole)}, 0, 0);
  if (whole < rows.size())
    loader.push({rows.begin() + static_cast<int64_t>(whole), rows.end()}, 0, static_cast<int64_t>(whole),
                static_cast<int64_t>(rows.size() - whole));
  loader.end();

  std::map<std::string, std::vector<Tensor>> pieces;
  std::vector<Tensor> present;
  Value::Array rejects;
  NoGradGuard no_grad;
  while (true) {
    Batch next = loader.next();
    if (next.size == 0) break;
    for (const auto& reject : next.rejects) {
      Value entry;
      entry.set("file", reject.file);
      entry.set("row", reject.row);
      entry.set("field", reject.field);
      entry.set("reason", reject.reason);
      rejects.push_back(std::move(entry));
    }
    Features features = to_device(next, inputs);
    trainer().embed(features, averaged);
    Tensor complete = at::ones({next.size}, at::kBool);
    for (const auto& input : inputs)
      if (const Tensor* found = features.find(input.modality + ".present")) complete = complete & found->to(at::kCPU);
    present.push_back(complete);
    for (const auto& name : wanted) pieces[name].push_back(features.at(name).to(at::kCPU, at::kFloat));
  }

  Value out, found{Value::Object{}};
  for (const auto& name : wanted) {
    Value entry;
    const auto& parts = pieces[name];
    Tensor all = parts.empty() ? at::empty({0, 0}) : at::cat(parts, 0);
    if (group) all = gather_parts(all, share, all_rows, *group);
    Value::Array shape;
    for (const int64_t n : all.sizes()) shape.emplace_back(n);
    entry.set("data", bytes_of(all));
    entry.set("shape", std::move(shape));
    found.set(name, std::move(entry));
  }
  out.set("features", std::move(found));
  Tensor there = present.empty() ? at::empty({0}, at::kByte) : at::cat(present, 0).to(at::kByte);
  if (group) {
    there = gather_parts(there, share, all_rows, *group);
    const Value mine(std::move(rejects));
    rejects.clear();
    for (const auto& text : gather_texts(mine.dump(), *group)) {
      const Value theirs = Value::parse(text);
      rejects.insert(rejects.end(), theirs.array().begin(), theirs.array().end());
    }
  }
  out.set("present", bytes_of(there));
  out.set("rejects", std::move(rejects));
  return out;
}

// For query i: how many candidates score higher than its best partner (the best candidate of the same group). Equal scores
// count as higher when they come first. -1 for a query without a partner. Two passes over tiles of Q×C scores: the best
// partner, then the count; the same products in the same tiles, so that rounding cannot put a partner behind itself.
// arguments: { queries, candidates (float32 bytes), width, queryGroups, candidateGroups (int32 bytes) }.
Value Engine::ranks(const Value& arguments) const {
  constexpr int64_t tile = 1024;
  const int64_t width = arguments.at("width").integer();
  const auto matrix = [&](const char* name) {
    const auto& bytes = *arguments.at(name).bytes();
    return at::from_blob(const_cast<uint8_t*>(bytes.data()), {static_cast<int64_t>(bytes.size() / sizeof(float)) / width, width},
                         at::kFloat)
        .to(device_);
  };
  const auto groups = [&](const char* name) {
    const auto& bytes = *arguments.at(name).bytes();
    return at::from_blob(const_cast<uint8_t*>(bytes.data()), {static_cast<int64_t>(bytes.size() / sizeof(int32_t))}, at::kInt)
        .to(device_);
  };
  NoGradGuard no_grad;
  const Tensor queries = matrix("queries"), candidates = matrix("candidates");
  const Tensor query_groups = groups("queryGroups"), candidate_groups = groups("candidateGroups");
  expect(queries.size(0) == query_groups.size(0) && candidates.size(0) == candidate_groups.size(0), "bad-shape",
         "expected one group for each of ", queries.size(0), " queries and ", candidates.size(0), " candidates but got ",
         query_groups.size(0), " and ", candidate_groups.size(0));
  std::vector<Tensor> out;
  for (int64_t q = 0; q < queries.size(0); q += tile) {
    const Tensor rows = queries.slice(0, q, q + tile), mine = query_groups.slice(0, q, q + tile).unsqueeze(1);
    const int64_t count = rows.size(0);
    Tensor best = at::full({count}, -std::numeric_limits<float>::infinity(), rows.options());
    Tensor where = at::full({count}, -1, mine.options().dtype(at::kLong));
    const auto tiles = [&](auto&& visit) {
      for (int64_t c = 0; c < candidates.size(0); c += tile) {
        const Tensor scores = at::matmul(rows, candidates.slice(0, c, c + tile).t());
        visit(scores, mine == candidate_groups.slice(0, c, c + tile).unsqueeze(0), c);
      }
    };
    tiles([&](const Tensor& scores, const Tensor& same, int64_t c) {
      const auto [value, index] = scores.masked_fill(~same, -std::numeric_limits<float>::infinity()).max(1);
      const Tensor better = value > best;
      best = at::where(better, value, best);
      where = at::where(better, index + c, where);
    });
    Tensor higher = at::zeros({count}, where.options());
    tiles([&](const Tensor& scores, const Tensor&, int64_t c) {
      const Tensor before = at::arange(c, c + scores.size(1), where.options()).unsqueeze(0) < where.unsqueeze(1);
      const Tensor against = best.unsqueeze(1);
      higher += ((scores > against) | ((scores == against) & before)).sum(1);
    });
    out.push_back(at::where(where < 0, at::full_like(higher, -1), higher).to(at::kInt).to(at::kCPU));
  }
  Value reply;
  reply.set("ranks", bytes_of(out.empty() ? at::empty({0}, at::kInt) : at::cat(out, 0)));
  return reply;
}

}  // namespace gd
