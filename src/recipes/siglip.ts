/**
 * SigLIP — pairwise sigmoid contrast (Zhai et al. 2023) on the towers of `clip`.
 * run: gadolinium train siglip --data DATA --run RUN
 */
import { extend } from '../config/recipe.js';
import { sigmoidContrast } from '../native/generated.js';
import clip from './clip.js';

export default extend(clip, {
  title: 'SigLIP: pairwise sigmoid contrast, ViT-B/32',
  source: 'Zhai et al. 2023, algorithm 1: scale starts at 10, bias at -10; the rest as open_clip (params.py)',
  objectives: [sigmoidContrast({ temperature: 0.1, bias: -10 })],
});
