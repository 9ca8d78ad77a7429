// Prints what npm's `@mathieuc/tradingview` makes of a server: a line of JSON for each update, until the price is 0.
// It knows only its own hosts; the rest of its address becomes the query of ours.
const TradingView = require("@mathieuc/tradingview");

const [port, ...symbols] = process.argv.slice(2);
const client = new TradingView.Client({ server: `localhost:${port}/socket.io/websocket?of=` });
const session = new client.Session.Quote({ fields: "all" });
for (const symbol of symbols) {
  const market = new session.Market(symbol);
  market.onError((...said) => console.log(JSON.stringify([symbol, "error", said[1][1].errmsg])));
  market.onData((data) => {
    console.log(JSON.stringify([symbol, data.lp === undefined ? null : data.lp]));
    if (data.lp === 0) client.end().then(() => process.exit(0));
  });
}
setTimeout(() => process.exit(1), 20000);
