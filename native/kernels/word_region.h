// Scores of image–text pairs by their words and regions, the batch contrast of GLoRIA (Huang et al. 2021, eq. 3–8), as one
// differentiable primitive. For image i with regions V [N, D] and text j with words E [K, D]:
//
//   s_kn = E_k·V_n;  p_kn = softmax over words k of s;  a_kn = softmax over regions n of (regionScale · p_kn)
//   c_k = Σ_n a_kn V_n;  r_k = cos(E_k, c_k);  Z_ij = log Σ_k exp(wordScale · r_k)
//
// Z [images, texts] is small; the scale of the logits and both soft-max directions are the caller's (objectives/pair.h). The
// scales multiply as in the authors' code; the paper divides by temperatures and keeps 1/wordScale before the log.
//
// Memory: nothing of the size images·texts·N·T is ever there. Forward and backward hold a tile for each thread, the gradients,
// and N×N products for a few images at a time; the backward recomputes. Padding costs nothing: only real words and regions enter.
//
// Published forms it serves:
//   GLoRIA            as it is; `aggregate: mean` of its code is log_mean_exp here
//   sentence–region   words are sentences and share_words is off: each attends to the regions by a plain soft-max of
//                     regionScale · s (scale the inputs for 1/√D or for cosines), any of the three aggregates
//   region-anchored   each region attends to the words: hand over words as regions and regions as words, transpose the result
//   FILIP's maximum   the limit of large regionScale over unit vectors without share_words
// What it does not serve, and why:
//   LoVT, MGCA's token alignment, PRIOR's sentence contrast: attention stays within the own pair, and the contrast is among the
//   words of that pair. Their work has no factor of images·texts, libtorch's scaled_dot_product_attention does it without an
//   N×T buffer, and they need the contexts c_k, not pair scores. PRIOR attends by sigmoids and, as LoVT, through separate keys
//   and values; here the regions are both.
#pragma once

#include "core/features.h"
#include "kernels/word_region_tiles.h"

namespace gd {

class Group;

// regions [I, N, D], words [J, T, D] of one floating type; masks bool [I, N] and [J, T], true where real, any pattern; undefined:
// all real. Gives Z [I, J]: double for double, float32 else (half types are converted first). A text without words or an image
// without regions scores 0 and gives no gradient: the caller leaves such pairs out. NaN and infinities stay within the pairs of
// their image or text, so that the trainer sees and skips the step.
// `group`: ranks that all call with the same arguments share the images, each against all texts, and all have the same Z and the
// same gradients. Their number must divide that of images.
// The gradient is first order; on a card the numbers of real words are read by the host.
// Throws Error("bad-word-region") for other shapes, types or scales.
Tensor word_region(const Tensor& regions, const Tensor& words, const Tensor& word_mask, const Tensor& region_mask,
                   const WordRegionOptions& options, Group* group = nullptr);

}  // namespace gd
