// Constant vectors of texts that a model knows by number: entities, positions, descriptions of diseases.
#pragma once

#include "core/scope.h"

namespace gd {

// The buffer `<scope>.vectors` [rows, width]. It starts drawn, normal with deviation 0.5 (about that of ClinicalBERT's [CLS] vectors),
// so that texts can be told apart; a run that has a text model fills it with vectors of the texts before its first step. Never
// trained, kept in checkpoints: the text model is not needed again.
Tensor book(const Scope& scope, int64_t rows, int64_t width);

}  // namespace gd
