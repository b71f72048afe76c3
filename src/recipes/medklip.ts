/**
 * MedKLIP — queries of 75 entities look at a chest radiograph: is each there, and where (Wu et al. 2023).
 * run: gadolinium train medklip --data DATA --run RUN --set books.model=clinical-bert.safetensors
 *      (from `gadolinium import huggingface-bert --from Bio_ClinicalBERT/ --to clinical-bert.safetensors`)
 *
 * DATA has a column of numbers `triplets` [51 positions, 75 entities]: 1 there, 0 said not to be, -1 not mentioned, in the order of
 * src/config/chest-x-ray-terms.ts.
 *
 * Keys of the official checkpoint (below `model`, without `module.`) and ours:
 *   res_features.{0,1,4,5,6}.*        encoders.image.{conv1,bn1,layer1,layer2,layer3}.*
 *   res_l1.*, res_l2.*                heads.image-projection.{0,2}.*
 *   disease_embedding_layer.*         heads.entities.disease_embedding_layer.*
 *   decoder.*                         heads.entities.decoder.*
 *   classifier.*, cl_fc.*             heads.classifier.*, heads.cl_fc.*
 *   disease_book, ana_book (in no checkpoint)   heads.entities.book.vectors [75, 768], objectives.position.book.vectors [51, 768]
 */
import { ENTITIES, POSITIONS } from '../config/chest-x-ray-terms.js';
import { ENTITY_DESCRIPTIONS } from '../config/entity-descriptions.js';
import { recipe } from '../config/recipe.js';
import {
  adamw,
  entityDecoder,
  entityExistence,
  entityPosition,
  epochCosine,
  image,
  linearProjection,
  mlpProjection,
  resnet,
  triplets,
} from '../native/generated.js';

export default recipe({
  title: 'MedKLIP: entity queries over a ResNet-50, existence and position from triplets of reports',
  source:
    'Wu et al. 2023; layers, losses, sampling, start of weights, AdamW 1e-4 with decay 0.02, cosine of the rate by epochs and its climb in the first, batch 48 (the paper: 64, from memory) and 100 epochs as in ' +
    'MediaBrain-SJTU/MedKLIP, image encoder from random weights as there, images mirrored without exchanging sides as there (flipText swap with ' +
    'triplets.sidePairs exchanges them). A batch without any entity that is there gives a position loss of 0, theirs is NaN. ' +
    'Ours: the descriptions of entities (theirs are a file of their repository: books.texts.entities.from), and drawn vectors unless books.model names ClinicalBERT; ' +
    'an affine change (21 degrees, 12 degrees of shear, 7 pixels) and brightness instead of RandAugment; pictures are grey and resized bilinearly',
  survey: { family: 'knowledge', domain: 'chest X-ray' },
  data: {
    image: image({
      size: 224,
      cropScale: [0.2, 1],
      flip: 0.5,
      flipText: 'ignore',
      affine: 0.5,
      rotate: 21,
      shear: 12,
      translate: 7 / 224,
      zoom: [1, 1],
      fill: 128,
      brightness: 0.1,
      brightnessAmount: 0.36,
      mean: [0.485, 0.456, 0.406],
      deviation: [0.229, 0.224, 0.225],
    }),
    triplets: triplets({ shape: [POSITIONS.length, ENTITIES.length], negatives: 7 }),
  },
  encoders: {
    image: resnet({ depth: 50, stages: 3 }),
  },
  heads: [
    mlpProjection(
      {
        from: 'image.patches',
        to: 'image.projected',
        inputWidth: 1024,
        hiddenWidth: 1024,
        outputWidth: 256,
        initDeviation: 0.02,
      },
      { name: 'image-projection' },
    ),
    entityDecoder(
      {
        from: 'image.projected',
        to: 'image.entities',
        attention: 'image.attention',
        entities: ENTITIES.length,
        bookWidth: 768,
      },
      { name: 'entities' },
    ),
    linearProjection(
      { from: 'image.entities', to: 'image.existence', inputWidth: 256, outputWidth: 2, initDeviation: 0.02 },
      { name: 'classifier' },
    ),
    linearProjection(
      { from: 'image.entities', to: 'image.positions', inputWidth: 256, outputWidth: 768, initDeviation: 0.02 },
      { name: 'cl_fc' },
    ),
  ],
  // The official switch exclude_class leaves out pneumonia, infiltrate, mass, nodule, emphysema, thicken and hernia:
  // `excluded: entityNumbers(…)` in both.
  objectives: [
    entityExistence({}, { name: 'existence' }),
    entityPosition({ positions: POSITIONS.length, width: 768 }, { name: 'position' }),
  ],
  // Texts without an end token, as the authors' tokenizer makes them. Theirs: books.texts.entities.from='observation explanation.json'.
  books: {
    endToken: false,
    maxTokens: 128,
    texts: {
      entities: { into: 'heads.entities', from: ENTITY_DESCRIPTIONS },
      positions: { into: 'objectives.position', from: POSITIONS.map((name) => `It is located at ${name}`) },
    },
  },
  optimise: { optimiser: adamw(), schedule: epochCosine({ epochs: 100, floor: 0.1 }), lr: 1e-4, decay: 0.02 },
  train: { batch: 48, epochs: 100 },
});
