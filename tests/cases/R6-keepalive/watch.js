// A stream of @grpc/grpc-js with keepalive: `node watch.js HOST:PORT DEADLINE_S`.
// Prints `tick` when the first message came, and then how the stream ended.
"use strict";

const grpc = require("@grpc/grpc-js");

const [target, deadline] = process.argv.slice(2);
const same = (bytes) => bytes;
const keepalive = {
  "grpc.keepalive_time_ms": 1000,
  "grpc.keepalive_timeout_ms": 1000,
  "grpc.keepalive_permit_without_calls": 1,
};
const client = new grpc.Client(target, grpc.credentials.createInsecure(), keepalive);
const options = { deadline: Date.now() + deadline * 1000 };
const stream = client.makeServerStreamRequest("/t.S/T", same, same, Buffer.alloc(0), new grpc.Metadata(), options);
let came = 0;

stream.on("data", () => {
  if (!came++) console.log("tick");
});
stream.on("error", () => {});
stream.on("status", (status) => {
  console.log(`${status.code} ${status.details}`);
  process.exit();
});
