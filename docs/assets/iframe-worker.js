// Search in a page that was opened from disk: browsers start no Worker from a file,
// so its script runs in a hidden frame. A page from a server keeps the real Worker.
// The theme takes a file of this name for its own and loads none from a network.
if (location.protocol === "file:") {
  window.Worker = class {
    constructor(script) {
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.srcdoc = "<!doctype html><title>search</title>";
      this.inside = new Promise((ready) => {
        this.frame.addEventListener("load", () => {
          const inside = this.frame.contentWindow;
          inside.postMessage = (data) =>
            setTimeout(() => this.onmessage && this.onmessage({ data }));
          const code = inside.document.createElement("script");
          code.addEventListener("load", () => ready(inside));
          code.addEventListener("error", (event) => this.onerror && this.onerror(event));
          code.src = script;
          inside.document.head.append(code);
        }, { once: true });
      });
      document.body.append(this.frame);
    }

    postMessage(data) {
      this.inside.then((inside) => inside.onmessage && inside.onmessage({ data }));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
