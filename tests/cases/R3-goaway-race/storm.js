// Calls of many channels of @grpc/grpc-js: `node storm.js HOST:PORT SECONDS CHANNELS OF_A_CHANNEL WORK_S`.
// Prints one JSON object: how the calls ended.
"use strict";

const grpc = require("@grpc/grpc-js");

const [target, seconds, channels, ofAChannel, work] = process.argv.slice(2);
const until = Date.now() + seconds * 1000;
const ends = {};
const same = (bytes) => bytes;

const once = (client) =>
  new Promise((resolve) => {
    const options = { deadline: Date.now() + 5000 };
    client.makeUnaryRequest("/t.S/U", same, same, Buffer.from(work), new grpc.Metadata(), options, (error) => {
      const end = error ? `${error.code} ${error.details}` : "OK";
      ends[end] = (ends[end] || 0) + 1;
      resolve();
    });
  });

async function goOn(client) {
  while (Date.now() < until) await once(client);
}

async function main() {
  const all = [];
  for (let at = 0; at < channels; at++) {
    const options = { "grpc.use_local_subchannel_pool": 1 };
    const client = new grpc.Client(target, grpc.credentials.createInsecure(), options);
    for (let of = 0; of < ofAChannel; of++) all.push(goOn(client));
  }
  await Promise.all(all);
  console.log(JSON.stringify(ends));
  process.exit();
}

main();
