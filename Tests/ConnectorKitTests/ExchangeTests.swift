import ConnectorKit
import Kernel
import Testing
import Wire

@Suite("Conversations put together") struct ExchangeTests {
    private let no = Fault("no", stage: .post, disposition: .reject, summary: "no")

    private func ask(_ path: String) -> Exchange<String> {
        .one(Call(.read, HTTPRequest(.get, path))) { String(decoding: $0.body, as: UTF8.self) }
    }

    /// Answers each call with its own path; what was asked for, and how it ended.
    private func play<Output>(_ exchange: Exchange<Output>) -> (paths: [String], output: Output?, fault: Fault?) {
        var step = exchange
        var paths: [String] = []
        while true {
            switch step {
            case .finish(let output): return (paths, output, nil)
            case .fail(let fault): return (paths, nil, fault)
            case .send(let call, let then):
                paths.append(call.request.target)
                step = then(HTTPResponse(200, body: Array(call.request.target.utf8)))
            }
        }
    }

    @Test("what follows begins when the first has ended, and knows its result")
    func following() {
        let out = play(ask("/a").next { first in ask("/b").next { .finish(first + $0) } })
        #expect(out.paths == ["/a", "/b"] && out.output == "/a/b")
        #expect(play(Exchange.finish("x").next { ask("/\($0)") }).paths == ["/x"])
    }

    @Test("behind a failure nothing follows")
    func failing() {
        let out = play(ask("/a").next { _ in Exchange<String>.fail(no) }.next { _ in ask("/never") })
        #expect(out.paths == ["/a"] && out.fault == no && out.output == nil)
        #expect(play(ask("/a").reading { _ throws(Fault) -> Int in throw no }.next { _ in ask("/never") }).paths == ["/a"])
    }

    @Test("a reader changes the result or refuses it")
    func reading() {
        #expect(play(ask("/a").reading { text throws(Fault) in text.count }).output == 2)
        #expect(play(ask("/a").reading { _ throws(Fault) -> Int in throw no }).fault == no)
    }

    @Test("what may refuse beforehand refuses before anything is sent")
    func trying() {
        #expect(play(Exchange<String>.trying { () throws(Fault) in throw no }).paths == [])
        #expect(play(Exchange<String>.trying { () throws(Fault) in throw no }).fault == no)
        #expect(play(Exchange<String>.trying { () throws(Fault) in ask("/a") }).output == "/a")
    }

    @Test("a list is gone through one by one, in order, and the first failure ends it")
    func each() {
        let all = play(Exchange<[String]>.each(["/a", "/b", "/c"][...], []) { path, before in ask(path).map { before + [$0] } })
        #expect(all.paths == ["/a", "/b", "/c"] && all.output == ["/a", "/b", "/c"])
        #expect(play(Exchange<[String]>.each(ArraySlice<String>(), ["x"]) { _, _ in .fail(no) }).output == ["x"])
        let torn = play(Exchange<[String]>.each(["/a", "/b", "/c"][...], []) { path, before in path == "/b" ? .fail(no) : ask(path).map { before + [$0] } })
        #expect(torn.paths == ["/a"] && torn.fault == no)
    }

    @Test("a long list does not grow the stack")
    func long() {
        let out = play(Exchange<Int>.each(Array(0 ..< 2_000)[...], 0) { n, sum in ask("/\(n)").map { _ in sum + n } })
        #expect(out.paths.count == 2_000 && out.output == 1_999_000)
    }
}
