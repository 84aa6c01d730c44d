import Books
import Kernel
import Mapping
import Testing
import Wire

@Suite("Stored documents and plans")
struct CodecTests {
    private func decoded(_ document: SourceDocument, _ body: [UInt8]) throws(Fault) -> SourceDocument {
        try DocumentCodec.decode(
            kind: DocumentCodec.kind(of: document).kind, id: document.id, caseID: document.caseID,
            version: document.version, at: document.at, body: body)
    }

    @Test("any document comes back as it was written", arguments: UInt64(1) ... 300)
    func documents(seed: UInt64) throws {
        var chance = Seeded(seed)
        let document = chance.document()
        #expect(try decoded(document, DocumentCodec.encode(document.body).bytes) == document, "seed \(seed)")
    }

    @Test("any plan comes back as it was written, and is written the same again", arguments: UInt64(1) ... 300)
    func plans(seed: UInt64) throws {
        var chance = Seeded(seed)
        let plan = chance.plan()
        let bytes = PlanCodec.encode(plan).bytes
        let back = try PlanCodec.decode(bytes)
        #expect(back == plan, "seed \(seed)")
        #expect(PlanCodec.encode(back).bytes == bytes, "seed \(seed)")
    }

    @Test("the mark of a sale that is dated by its money is read where it stood among words once")
    func formerMark() throws {
        var chance = Seeded(7)
        var plan = chance.plan()
        (plan.countsWhenPaid, plan.note) = (false, "settled by the credit of T-1; counts since it was paid")
        #expect(try PlanCodec.decode(PlanCodec.encode(plan).bytes).countsWhenPaid)
        plan.note = "settled by the credit of T-1"
        #expect(try !PlanCodec.decode(PlanCodec.encode(plan).bytes).countsWhenPaid)
    }

    @Test("findings come back as they were written")
    func findings() throws {
        var chance = Seeded(5)
        let list = (0 ..< 40).map { _ in chance.finding() }
        #expect(try PlanCodec.findings(JSON.array(list.map(PlanCodec.finding)).bytes) == list)
    }

    @Test("a quantity keeps its written scale and an amount its currency's decimals")
    func digits() {
        let line = SaleLine(
            id: "L", sku: "", title: "", quantity: ExactDecimal(coefficient: 250, scale: 2),
            gross: Money(minor: 5, .usd), discount: nil, net: nil, taxes: nil)
        let edit = DocumentCodec.encode(
            .edit(SaleEdit(added: [line], removed: [], orderTotal: Currency("JPY").map { Money(minor: 7, $0) })))
        #expect(edit["added"]?[0]?["quantity"]?.string == "2.50")
        #expect(edit["added"]?[0]?["gross"]?.string == "0.05 USD")
        #expect(edit["order_total"]?.string == "7 JPY")
    }

    @Test("taxes that are unknown and taxes of which there are none stay two things")
    func unknownOrNone() throws {
        for taxes in [nil, [TaxPart]()] {
            let document = SourceDocument(
                id: "E", caseID: "O", version: 1, at: Timestamp(seconds: 0),
                body: .edit(
                    SaleEdit(
                        added: [], removed: [RemovedUnits(line: "L", quantity: .one, net: nil, taxes: taxes)],
                        orderTotal: nil)))
            guard case .edit(let edit) = try decoded(document, DocumentCodec.encode(document.body).bytes).body else {
                Issue.record("another kind came back")
                return
            }
            #expect(edit.removed.first?.taxes == taxes)
        }
    }

    @Test("each kind is stored under its own word; notes are marked as notes")
    func kinds() {
        var seen: [String: Bool] = [:]
        for seed in 1 ... 200 as ClosedRange<UInt64> {
            var chance = Seeded(seed)
            let (kind, note) = DocumentCodec.kind(of: chance.document())
            #expect(seen[kind].map { $0 == note } ?? true)
            seen[kind] = note
        }
        #expect(
            seen == [
                "sale": false, "invoice": false, "payment": false, "refund": false, "journal": false, "edit": true,
                "cancellation": true, "goods_return": true, "payout": false, "dispute": false, "deposit": false,
                "bank_line": false, "stock_adjustment": false, "fulfilment": true, "register_closure": false,
                "purchase_order": false, "bill": false,
            ])
    }

    private func fault(_ kind: String, _ body: String) -> Fault? {
        do throws(Fault) {
            _ = try DocumentCodec.decode(
                kind: kind, id: "1", caseID: "1", version: 1, at: Timestamp(seconds: 0), body: Array(body.utf8))
            return nil
        } catch { return error }
    }

    @Test(
        "what can't be read is named to the element, and never taken for absent",
        arguments: [
            ("payment", #"{"amount":"1.00 USD","status":"success"}"#, "payment.gateway"),
            ("payment", #"{"gateway":"c","amount":"1.00","status":"success"}"#, "payment.amount"),
            ("payment", #"{"gateway":"c","amount":"1.001 USD","status":"success"}"#, "payment.amount"),
            ("payment", #"{"gateway":"c","amount":"1.00  USD","status":"success"}"#, "payment.amount"),
            ("payment", #"{"gateway":"c","amount":1.00,"status":"success"}"#, "payment.amount"),
            (
                "payment", #"{"gateway":"c","amount":"9999999999999999999999999999999999999 USD","status":"success"}"#,
                "payment.amount"
            ),
            ("payment", #"{"gateway":"c","amount":"-92233720368547758.09 USD","status":"success"}"#, "payment.amount"),
            ("payment", #"{"gateway":"c","amount":"1.00 USD","status":"paid"}"#, "payment.status"),
            ("payment", #"{"gateway":"c","amount":"1.00 USD","status":"success","card":7}"#, "payment.card"),
            ("edit", #"{"order_total":"twelve"}"#, "edit.order_total"),
            ("edit", #"{"removed":{}}"#, "edit.removed"),
            ("edit", #"{"removed":[{"line":"L","quantity":"1"},{"line":"L"}]}"#, "edit.removed[1].quantity"),
            (
                "edit", #"{"removed":[{"line":"L","quantity":"1","taxes":[{"amount":"1.00 USD","rate":"a"}]}]}"#,
                "edit.removed[0].taxes[0].rate"
            ),
            (
                "edit",
                #"{"added":[{"id":"L","sku":"","title":"","quantity":"1","gross":"1.00 USD","gift_card":"true"}]}"#,
                "edit.added[0].gift_card"
            ),
            (
                "edit",
                #"{"transactions":[{"id":"T","gateway":"c","amount":"1.00 USD","status":"success","at":"2026-11-21"}]}"#,
                "edit.transactions[0].at"
            ),
            ("goods_return", "[]", "goods_return.state"), ("party", "{}", "party.kind"),
        ])
    func positions(kind: String, body: String, position: String) {
        let found = fault(kind, body)
        #expect(found?.code == "stored_json_unreadable")
        #expect(found?.position == position)
        #expect(found?.disposition == .bug)
    }

    @Test("a plan's unreadable members are named too")
    func planPositions() throws {
        let plan = PlanCodec.encode(posting([line("sales")]))
        func position(_ change: JSON) -> String? {
            do throws(Fault) {
                _ = try PlanCodec.decode(change.bytes)
                return nil
            } catch { return error.position }
        }
        #expect(position(plan) == nil)
        #expect(position(plan.setting("covers", ["a", 1])) == "plan.covers")
        #expect(position(plan.setting("memo", ["tax": "1"])) == "plan.memo.tax")
        #expect(position(plan.setting("not_before", "soon")) == "plan.not_before")
        #expect(position(plan.setting("applies_to", ["form": "invoice"])) == "plan.applies_to.subject")
        #expect(
            position(
                plan.setting("lines", [["part": "goods", "role": "r", "amount": "1.00 USD", "dimension": ["a": 1]]]))
                == "plan.lines[0].dimension.a")
    }

    @Test("a description of a fault holds nothing of the document")
    func safe() {
        let found = fault("payment", #"{"gateway":"Ada Lovelace","amount":"secret"}"#)
        #expect(found.map { !$0.description.contains("Ada") && !$0.description.contains("secret") } ?? false)
    }

    @Test(
        "spoiled JSON is read or refused with the one code, and never stops the program", arguments: UInt64(1) ... 250)
    func fuzz(seed: UInt64) {
        var chance = Seeded(seed)
        let document = chance.document()
        let (whole, plan) = (DocumentCodec.encode(document.body), PlanCodec.encode(chance.plan()))
        for _ in 0 ..< 12 {
            for (value, read) in [(whole, decodeDocument), (plan, decodePlan)]
                as [(JSON, (SourceDocument, [UInt8]) -> Fault?)]
            {
                guard let fault = read(document, chance.spoiled(value)) else { continue }
                #expect(["stored_json_unreadable", "malformed_json"].contains(fault.code), "seed \(seed)")
            }
        }
    }

    private func decodeDocument(_ document: SourceDocument, _ bytes: [UInt8]) -> Fault? {
        do throws(Fault) {
            let back = try decoded(document, bytes)
            // What was read can be written and read again.
            #expect(try decoded(back, DocumentCodec.encode(back.body).bytes) == back)
            return nil
        } catch { return error }
    }

    private func decodePlan(_: SourceDocument, _ bytes: [UInt8]) -> Fault? {
        do throws(Fault) {
            let back = try PlanCodec.decode(bytes)
            #expect(try PlanCodec.decode(PlanCodec.encode(back).bytes) == back)
            return nil
        } catch { return error }
    }
}

extension Seeded {
    private static let pieces: [JSON] = [
        .null, .bool(true), "", [], [:], 1, "1.00 USD", "1.00 XXXX", "1e30 USD", "99999e30 USD", "-9e36 CLF",
        "1e-30 JPY", "0000-01-01", "9999-12-31",
        "2026-02-30", "9999-12-31T23:59:60Z", "0000-01-01T00:00:00+23:59", "99999999999999999999999999999999999999",
        "-0", "1e999", "a:b:c", .array([.null]),
    ]

    /// The value with members changed, taken away or doubled, or its bytes bent.
    mutating func spoiled(_ value: JSON) -> [UInt8] {
        var bytes = changed(value).bytes
        if flip(4), !bytes.isEmpty { bytes[int(0 ... bytes.count - 1)] = UInt8(int(0 ... 255)) }
        if flip(8) { bytes = Array(bytes.prefix(int(0 ... bytes.count))) }
        return bytes
    }

    private mutating func changed(_ value: JSON) -> JSON {
        if flip(14) { return pick(Self.pieces) }
        switch value {
        case .object(let members):
            var out: [(key: String, value: JSON)] = []
            for (key, value) in members where !flip(20) { out.append((key: key, value: changed(value))) }
            return .object(out)
        case .array(let elements):
            let out = elements.map { changed($0) }
            return .array(flip(10) ? out + out : out)
        default: return value
        }
    }
}
