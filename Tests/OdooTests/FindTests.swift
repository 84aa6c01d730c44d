import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Odoo

@Suite("Looking for documents") struct FindTests {
    private func found(_ documents: [LedgerDocument], _ answers: [HTTPResponse], fetch: Bool = false) -> (seen: [PostKey: LedgerReadback]?, calls: [Call], fault: Fault?) {
        let exchange = fetch ? connector.fetch(documents, facts) : connector.find(documents, facts)
        let (end, calls) = drive(exchange, answers)
        return (end.output, calls, end.fault)
    }

    @Test("by the key at the head of ref, several keys at once, in the company's books alone") func domain() throws {
        let calls = drive(connector.find([simple(1), simple(2), payment(3)], facts(["company": "3"])), []).calls
        #expect(try body(calls[0])["domain"] == json(
            #"["|","|",["ref","=like","cf:0000000000000001%"],["ref","=like","cf:0000000000000002%"],["ref","=like","cf:0000000000000003%"],["company_id","=",3]]"#))
        #expect(try body(calls[0])["limit"] == 500 && body(calls[0])["order"] == "id asc")
    }

    @Test("a sale reads back as it was meant, receivable and tax apart") func sale() throws {
        let rows = list(
            item(1, move: 41, account: 200, "-20.0"), item(2, move: 41, account: 201, "2.0"), item(3, move: 41, account: 82, "-3.6", tax: 5, display: "tax"),
            receivable(4, move: 41, "21.6"))
        let seen = try #require(found([taxed(remoteID: "41")], [list(move(41, total: "21.6", tax: "3.6")), rows]).seen?[key()])
        var meant = connector.meant(taxed(remoteID: "41"))
        #expect(meant.accounts == ["200": -2000, "201": 200] && meant.tax_minor == 360 && meant.total_minor == 2160)
        meant.version = "2026-11-14 10:00:00"
        meant.open_minor = 2160
        #expect(seen == meant)
        let owed = list(move(41, total: "21.6", tax: "3.6", residual: "1.6", payment: "partial"))
        #expect(found([taxed(remoteID: "41")], [owed, rows]).seen?[key()]?.open_minor == 160, "what somebody paid on it is owed no more")
    }

    @Test("a payment reads back with what it settles, by the items that were matched") func paid() throws {
        let rows = list(item(11, move: 41, account: 110, "10.0", type: "asset_current"), receivable(12, move: 41, "-10.0"))
        let partials = list(#"{"id":1,"debit_move_id":[70,"x"],"credit_move_id":[12,"y"]}"#, #"{"id":2,"debit_move_id":[72,"x"],"credit_move_id":[12,"y"]}"#)
        // The second is a difference of exchange rates.
        let lines = list(#"{"id":70,"move_id":[77,"b"],"amount_currency":10.0}"#, #"{"id":72,"move_id":[79,"c"],"amount_currency":0.0}"#)
        let moves = list(move(41, type: "entry", ref: "cf:0000000000000001 transaction 1"))
        let seen = try #require(found([payment(remoteID: "41")], [moves, rows, partials, lines], fetch: true).seen?[key()])
        var meant = connector.meant(payment(remoteID: "41"))
        #expect(meant.appliesTo == "77" && meant.accounts == ["110": 1000, "61": -1000])
        meant.version = "2026-11-14 10:00:00"
        #expect(seen == meant)
        // One that settles nothing, or another document besides, is not as meant.
        #expect(found([payment(remoteID: "41")], [moves, rows, list()], fetch: true).seen?[key()]?.appliesTo == "")
        let two = list(#"{"id":1,"debit_move_id":[70,"x"],"credit_move_id":[12,"y"]}"#, #"{"id":2,"debit_move_id":[71,"x"],"credit_move_id":[12,"y"]}"#)
        let more = list(#"{"id":70,"move_id":[77,"b"]}"#, #"{"id":71,"move_id":[78,"b"]}"#)
        #expect(found([payment(remoteID: "41")], [moves, rows, two, more], fetch: true).seen?[key()]?.appliesTo == "77,78")
    }

    @Test("what was cancelled is no document of ours, unless it is the one that is known") func cancelled() {
        #expect(found([simple()], [list(move(41, state: "cancel"))]).seen?.isEmpty == true)
        #expect(found([simple(remoteID: "41")], [list(move(41, state: "cancel"))]).seen?[key()]?.voided == true)
        let both = found([simple()], [list(move(41, state: "draft"), move(42)), list(item(1, move: 42, account: 200, "-10.0"), receivable(2, move: 42, "10.0"))])
        #expect(both.seen?[key()]?.remoteID == "42", "the one with effect")
    }

    private static let items = list(item(1, move: 41, account: 200, "-10.0"), receivable(2, move: 41, "10.0"))
    private static let matched = list(#"{"id":1,"debit_move_id":[2,"x"],"credit_move_id":[70,"y"]}"#, #"{"id":2,"debit_move_id":[2,"x"],"credit_move_id":[71,"y"]}"#)

    /// What Odoo says of a sale that it calls reversed: what settles it, and which of that reverses it.
    private func called(_ moves: [Int], reversals: [Int]) -> LedgerReadback? {
        let others = answer("[\(zip([70, 71], moves).map { #"{"id":\#($0),"move_id":[\#($1),"b"],"amount_currency":-5.0}"# }.joined(separator: ","))]")
        let back = answer("[\(reversals.map { #"{"id":\#($0),"reversed_entry_id":[41,"INV"]}"# }.joined(separator: ","))]")
        let sale = list(move(41, residual: "0.0", payment: "reversed"))
        return found([simple(remoteID: "41")], [sale, Self.items, Self.matched, others, back], fetch: true).seen?[key()]
    }

    @Test("reversed is what nothing but posted reversals of its own settles; what a credit note and money settle together stands") func reversed() {
        #expect(called([50], reversals: [50])?.voided == true)
        #expect(called([50, 51], reversals: [50, 51])?.voided == true)
        for (moves, reversals) in [([50, 60], [50]), ([60], []), ([50], []), ([60, 61], [50]), ([], [50])] as [([Int], [Int])] {
            let seen = called(moves, reversals: reversals)
            #expect(seen?.voided == false && seen?.total_minor == 1_000 && seen?.open_minor == 0, "\(moves) \(reversals)")
        }
    }

    @Test("a credit note whose money an entry gave back is called reversed there from 16 on, and stands") func refunded() throws {
        let note = document(.creditNote, [control(-1000), line(.goods, "returns", 1000, 200, group: "L1", text: "Mug")], remoteID: "41")
        let lines = list(item(1, move: 41, account: 200, "10.0"), receivable(2, move: 41, "-10.0"))
        let partials = list(#"{"id":1,"debit_move_id":[70,"x"],"credit_move_id":[2,"y"]}"#), other = list(#"{"id":70,"move_id":[60,"BNK"],"amount_currency":10.0}"#)
        let (seen, calls, _) = found([note], [list(move(41, type: "out_refund", residual: "0.0", payment: "reversed")), lines, partials, other, list()], fetch: true)
        var meant = connector.meant(note)
        meant.version = "2026-11-14 10:00:00"
        #expect(seen?[key()] == meant && calls.count == 5)
        #expect(try body(calls[4])["domain"] == json(#"[["reversed_entry_id","in",[41]],["state","=","posted"]]"#))
    }

    @Test("a document of another key, or with words that only look like one, is nobody's") func strangers() {
        for ref in ["cf:0000000000000002 order", "cf:00000000000000011", "xcf:0000000000000001", "cf:000000000000000U x", ""] {
            #expect(found([simple()], [list(move(41, ref: ref))]).seen?.isEmpty == true, "\(ref)")
        }
    }

    @Test("a list that is no list is never taken for an empty one", arguments: ["null", "{}", "false", "[1]", "\"[]\"", "[null]"]) func noList(_ text: String) {
        #expect(found([simple()], [answer(text)]).fault?.code == "unreadable_answer")
    }

    @Test("what is there but can't be read does not count as missing") func unreadable() {
        for row in [
            move(41).replacing("\"posted\"", with: "false"), move(41).replacing("\"posted\"", with: "\"sealed\""), move(41).replacing("2026-11-14", with: "14/11/2026"),
            move(41).replacing("10.0", with: "10.005"), move(41).replacing("\"id\":41", with: "\"id\":false"),
        ] {
            #expect(found([simple()], [list(row), list(item(1, move: 41, account: 200, "-10.0"))]).fault?.code == "unreadable_answer", "\(row)")
        }
        #expect(found([simple()], [list(move(41)), list(item(1, move: 41, account: 200, "\"ten\""))]).fault?.code == "unreadable_answer")
    }

    @Test("asking by id asks for nothing that is no id") func byID() throws {
        #expect(found([simple(remoteID: "x"), simple(2)], [], fetch: true).calls.isEmpty)
        let calls = drive(connector.fetch([simple(remoteID: "41"), simple(2, remoteID: "x")], facts), []).calls
        #expect(try body(calls[0])["domain"] == json(#"[["id","in",[41]]]"#))
    }

    @Test("a full page is followed by the next one") func pages() throws {
        let full = answer("[" + (1 ... OdooLimits.pageRows).map { move($0, ref: "other") }.joined(separator: ",") + "]")
        let calls = found([simple()], [full, list()]).calls
        #expect(calls.count == 2)
        #expect(try body(calls[1])["offset"] == 500)
    }

    // MARK: Changes

    private func changes(_ cursor: String?, _ answers: [HTTPResponse]) throws -> (end: Ended<LedgerChanges>, calls: [Call]) {
        let since = try #require(Timestamp(rfc3339: "2026-11-20T10:00:00Z"))
        return drive(try #require(connector.changes(since: since, cursor: cursor, facts)), answers)
    }

    private func change(_ id: Int, _ n: Int, _ time: String) -> String { "{\"id\":\(id),\"ref\":\"cf:\(key(n)) x\",\"write_date\":\"\(time)\"}" }

    @Test("changes of ours since a time, some seconds back, oldest first, each once") func sweep() throws {
        let rows = list(change(1, 1, "2026-11-20 10:00:01"), change(2, 2, "2026-11-20 10:00:05"), change(3, 1, "2026-11-20 10:00:07"))
        let (end, calls) = try changes(nil, [rows])
        #expect(try body(calls[0])["domain"] == json(#"[["ref","=like","cf:%"],["write_date",">=","2026-11-20 09:59:50"]]"#))
        #expect(try body(calls[0])["order"] == "write_date asc, id asc")
        #expect(end.output == LedgerChanges(keys: [key(1), key(2)], next: nil, watermark: Timestamp(rfc3339: "2026-11-20T10:00:07Z")))
    }

    @Test("a page goes on from the second it ended in, by number where one second fills it") func cursor() throws {
        let times = (1 ... OdooLimits.pageRows).map { $0 < 300 ? "2026-11-20 10:00:00" : "2026-11-20 10:00:01" }
        let mixed = answer("[" + times.enumerated().map { change($0 + 1, $0 + 1, $1) }.joined(separator: ",") + "]")
        #expect(try changes(nil, [mixed]).end.output?.next == "2026-11-20 10:00:01/0")
        let same = answer("[" + (1 ... OdooLimits.pageRows).map { change($0, $0, "2026-11-20 10:00:01") }.joined(separator: ",") + "]")
        #expect(try changes("2026-11-20 10:00:01/0", [same]).end.output?.next == "2026-11-20 10:00:01/500")
        let (end, calls) = try changes("2026-11-20 10:00:01/500", [same])
        #expect(end.output?.next == "2026-11-20 10:00:01/1000")
        #expect(try body(calls[0])["offset"] == 500)
        #expect(try body(changes("nonsense", []).calls[0])["offset"] == 0)
    }

    @Test("a change without a time, or no list, is not taken for none", arguments: ["null", "[{\"id\":1,\"ref\":\"cf:x\",\"write_date\":false}]", "[{}]"])
    func noChanges(_ text: String) throws { #expect(try changes(nil, [answer(text)]).end.fault?.code == "unreadable_answer") }
}
