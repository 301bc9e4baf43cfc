// node answers.mjs MODULES VECTORS.json ANSWERS.json: what @tensorflow/tfjs answers to vectors of label smoothing.
// MODULES is the folder that holds node_modules. Left out is what its documentation does not offer: another dtype
// than float32, logits of another rank than 2, class weights, classes that are ignored, and e/(K-1).

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [modules, vectorsFile, answersFile] = process.argv.slice(2);
const require = createRequire(join(resolve(modules), "package.json"));
const tf = require("@tensorflow/tfjs");
await tf.setBackend("cpu");

const numbers = (value) => (Array.isArray(value) ? value.map(numbers) : Number(value));
const plain = (value) =>
  Array.isArray(value) ? value.map(plain) : Number.isFinite(value) ? value : String(value);
const { NONE, SUM, SUM_BY_NONZERO_WEIGHTS } = tf.Reduction;
const reductions = { none: NONE, sum: SUM, mean: SUM_BY_NONZERO_WEIGHTS };

function offered({ asks, dtype, convention, inputs }) {
  if (dtype !== "float32" || !Array.isArray(inputs.logits[0]) || Array.isArray(inputs.logits[0][0])) return false;
  if (asks === "multilabel_loss") return convention.multilabel === "outcomes";
  return convention.off_target === "uniform" && !inputs.weight && inputs.ignore_index === undefined;
}

function loss({ asks, inputs }, logits) {
  const target = numbers(inputs.target);
  if (asks === "multilabel_loss") {
    return tf.losses.sigmoidCrossEntropy(tf.tensor(target), logits, undefined, inputs.epsilon);
  }
  const labels = Array.isArray(target[0]) ? tf.tensor(target) : tf.oneHot(tf.tensor1d(target, "int32"), logits.shape[1]);
  const counts = inputs.mask && tf.tensor(inputs.mask.map(Number));
  const reduction = reductions[inputs.reduction];
  return tf.losses.softmaxCrossEntropy(labels.cast("float32"), logits, counts, inputs.epsilon, reduction);
}

const answers = {};
for (const vector of JSON.parse(readFileSync(vectorsFile)).vectors.filter(offered)) {
  const logits = tf.tensor(numbers(vector.inputs.logits), undefined, "float32");
  const asked = (z) => loss(vector, z);
  const found = vector.asks === "gradient" ? tf.grad((z) => asked(z).sum())(logits) : asked(logits);
  answers[vector.id] = plain(found.arraySync());
}
writeFileSync(answersFile, JSON.stringify(answers, undefined, 1) + "\n");
