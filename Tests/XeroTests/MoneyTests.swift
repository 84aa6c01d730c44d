import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Xero

private func bank(_ amount: Int64, _ code: String = "090", currency: Currency = .gbp) -> LedgerDocument.Line {
    var out = line(.tender, Role("bank:\(currency)"), amount, code, currency: currency)
    out.account.type = "BANK"
    return out
}

/// 50.00 of sales less 4.20 of fees; negative: money that the processor took.
private func payout(_ sign: Int64 = 1, remoteID: String? = nil, effect: PlannedPosting.Effect = .post) -> LedgerDocument {
    document(
        .payout, [bank(sign * 4_580), line(.control, "clearing:card:GBP", sign * -5_000, "611"), line(.fee, "processor_fees", sign * 420, "404")],
        total: 4_580, reference: "payout PO-1", effect: effect, remoteID: remoteID)
}

/// The same after it came back: no bank any more.
private func returned(remoteID: String) -> LedgerDocument {
    document(
        .payout, [line(.control, "clearing:card:GBP", -420, "611"), line(.fee, "processor_fees", 420, "404")], total: 4_580, reference: "payout PO-1",
        remoteID: remoteID)
}

private func row(_ body: JSON, id: String = guid(50), status: String = "AUTHORISED") -> String {
    var members = body.object ?? []
    members += [("BankTransactionID", .string(id)), ("Status", .string(status)), ("CurrencyCode", "GBP"), ("UpdatedDateUTC", "/Date(1)/")]
    var total: Int64 = 0
    let lines: [JSON] = (body["LineItems"]?.array ?? []).map { item in
        let amount = item["UnitAmount"]?.decimal ?? .zero
        total += Money(amount, .gbp)?.minor ?? 0
        return .object((item.object ?? []) + [("LineAmount", .decimal(amount)), ("TaxAmount", 0)])
    }
    members.removeAll { $0.key == "LineItems" }
    members += [("LineItems", .array(lines)), ("Total", .number(Money(minor: total, .gbp).text)), ("TotalTax", 0)]
    return String(decoding: JSON.object(members).bytes, as: UTF8.self)
}

private func list(_ name: String, _ rows: String...) -> HTTPResponse { answer("{\"\(name)\":[\(rows.joined(separator: ","))]}") }

private func shape(_ calls: [Call]) -> [String] {
    calls.map { call in
        let path = call.request.path.split(separator: "/").dropFirst(2).map(String.init)
        return "\(call.request.method.rawValue) \(path.first ?? "")\(path.count > 1 ? "/…" : "")"
    }
}

@Suite("Money between accounts of our own")
struct MoneyTests {
    @Test("a payout is money received on the bank account, off clearing and less the fees")
    func received() throws {
        let expected = try json(
            """
            {"Type":"RECEIVE","Contact":{"ContactID":"\(contact)"},"BankAccount":{"Code":"090"},"LineItems":[
             {"Description":"Clearing: card: GBP","Quantity":1,"UnitAmount":50.00,"AccountCode":"611","TaxType":"NONE"},
             {"Description":"Processor fees","Quantity":1,"UnitAmount":-4.20,"AccountCode":"404","TaxType":"NONE"}],
             "Reference":"cf:0000000000000001 payout PO-1","Date":"2026-11-14","LineAmountTypes":"NoTax"}
            """)
        #expect(try sent(payout()) == expected)
        #expect(connector.objections(to: payout(), facts) == [])
        #expect(connector.references(for: payout()).map(\.kind) == [.party])
        #expect(try sent(payout(-1))["Type"] == "SPEND")
        #expect(try sent(payout(-1))["LineItems"]?[0]?["UnitAmount"] == .number("50.00"))
    }

    @Test("it is found by its reference and read back as it was meant", arguments: [1, -1] as [Int64])
    func readBack(sign: Int64) throws {
        let document = payout(sign)
        let there = list("BankTransactions", row(try sent(document)))
        let found = try #require(drive(connector.find([document], facts), [list("ManualJournals"), there]).end.output)
        let seen = try #require(found[document.key]), meant = connector.meant(document)
        #expect(seen.accounts == meant.accounts && seen.accounts == ["090": sign * 4_580, "611": sign * -5_000, "404": sign * 420])
        #expect(seen.total_minor == meant.total_minor && seen.total_minor == 5_000, "what it debits, as of a journal")
        #expect(seen.tax_minor == meant.tax_minor && seen.party == meant.party && seen.date == meant.date)
    }

    /// The ways in which the structure may have changed since it was written.
    private static let rebound: [@Sendable (inout LedgerDocument.Line) -> Void] = [
        { _ in }, { $0.account.type = "CURRENT" }, { ($0.account.code, $0.account.type) = ("091", "") },
        { $0.account = BoundAccount(code: "", remoteID: nil, name: "", active: false, rule: "") },
    ]

    @Test("money at a bank is found and fetched as what it was written as, whatever its accounts are bound to by now", arguments: rebound.indices)
    func boundOtherwise(_ n: Int) throws {
        let old = row(try sent(payout()))
        var later = payout(remoteID: guid(50))
        for i in later.lines.indices { Self.rebound[n](&later.lines[i]) }
        let (found, calls) = drive(connector.find([later], facts), [list("ManualJournals"), list("BankTransactions", old)])
        #expect(shape(calls) == ["GET ManualJournals", "GET BankTransactions"])
        let seen = try #require(found.output?[key()])
        #expect(seen.remoteID == guid(50) && !seen.voided)
        #expect(seen.accounts == ["090": 4_580, "611": -5_000, "404": 420])
        #expect(seen.total_minor == connector.meant(later).total_minor, "what it is bound to by now makes it no other sum")
        let (fetched, reads) = drive(connector.fetch([later], facts), [answer("", status: 404), list("BankTransactions", old)])
        #expect(shape(reads) == ["GET ManualJournals/…", "GET BankTransactions/…"])
        #expect(fetched.output?[key()] == seen)
    }

    @Test("a journal that names a bank by now is found as the journal that it is, and by its id looked for nowhere else")
    func journalStays() throws {
        let journal = """
            {"ManualJournalID":"\(guid(60))","Narration":"cf:\(key()) payout PO-1","Date":"2026-11-14","Status":"POSTED",
             "JournalLines":[{"LineAmount":45.80,"AccountCode":"612"},{"LineAmount":4.20,"AccountCode":"404"},{"LineAmount":-50,"AccountCode":"611"}]}
            """
        let (found, calls) = drive(connector.find([payout()], facts), [list("ManualJournals", journal), list("BankTransactions")])
        #expect(shape(calls).count == 2)
        #expect(found.output?[key()]?.remoteID == guid(60))
        let (fetched, reads) = drive(connector.fetch([payout(remoteID: guid(60))], facts), [list("ManualJournals", journal)])
        #expect(shape(reads) == ["GET ManualJournals/…"])
        #expect(fetched.output?[key()]?.remoteID == guid(60))
    }

    @Test("of a change that broke off between two kinds of document the one with effect is found, not the one that was deleted for it")
    func movedHalfway() throws {
        let gone = row(try sent(payout()), status: "DELETED")
        let journal = "{\"ManualJournalID\":\"\(guid(60))\",\"Narration\":\"cf:\(key()) payout PO-1\",\"Date\":\"2026-11-14\",\"Status\":\"POSTED\",\"JournalLines\":[]}"
        let found = drive(connector.find([returned(remoteID: guid(50))], facts), [list("ManualJournals", journal), list("BankTransactions", gone)]).end.output
        #expect(found?[key()]?.remoteID == guid(60))
        let alone = drive(connector.find([returned(remoteID: guid(50))], facts), [list("ManualJournals"), list("BankTransactions", gone)]).end.output
        #expect(alone?[key()]?.voided == true)
    }

    @Test("a change deletes the bank transaction and writes it anew; a void deletes it")
    func replaced() throws {
        let old = payout(remoteID: guid(50))
        var changed = old
        changed.lines[0].plan.amount.minor = 4_480
        changed.lines[2].plan.amount.minor = 520
        changed.plan.lines = changed.lines.map(\.plan)
        changed.plan.total.minor = 4_480
        let there = row(try sent(old)), none = list("ManualJournals")
        let gone = row(try sent(old), status: "DELETED")
        let fresh = row(try sent(changed), id: guid(51)).dropLast() + ",\"StatusAttributeString\":\"OK\"}"
        let (end, calls) = drive(
            connector.update(changed, attempt: "a", facts),
            [none, list("BankTransactions", there), list("BankTransactions", there), list("BankTransactions", gone), list("BankTransactions", String(fresh))])
        #expect(shape(calls) == ["GET ManualJournals/…", "GET BankTransactions/…", "GET BankTransactions", "POST BankTransactions/…", "PUT BankTransactions"])
        guard case .posted(let id, _)? = end.output else {
            Issue.record("\(end)")
            return
        }
        #expect(id == guid(51))
        let (_, voids) = drive(
            connector.void(payout(remoteID: guid(50), effect: .void), attempt: "a", facts), [none, list("BankTransactions", there), list("BankTransactions", there), list("BankTransactions", gone)])
        #expect(shape(voids).last == "POST BankTransactions/…")
    }

    @Test("a payout that comes back is deleted at the bank and becomes a journal, once")
    func cameBack() throws {
        let there = row(try sent(payout())), gone = row(try sent(payout()), status: "DELETED")
        let journal = "{\"ManualJournalID\":\"\(guid(60))\",\"Narration\":\"cf:0000000000000001 payout PO-1\",\"Date\":\"2026-11-14\",\"Status\":\"POSTED\"}"
        let (end, calls) = drive(
            connector.update(returned(remoteID: guid(50)), attempt: "a", facts),
            [list("BankTransactions", there), list("BankTransactions", gone), list("ManualJournals"), list("ManualJournals", journal)])
        #expect(shape(calls) == ["GET BankTransactions/…", "POST BankTransactions/…", "GET ManualJournals", "PUT ManualJournals"])
        guard case .posted(let id, _)? = end.output else {
            Issue.record("\(end)")
            return
        }
        #expect(id == guid(60))
        let (_, again) = drive(
            connector.update(returned(remoteID: guid(50)), attempt: "b", facts), [list("BankTransactions", gone), list("ManualJournals", journal)])
        #expect(!shape(again).contains("PUT ManualJournals"), "what an interrupted change wrote is not written again")
    }

    @Test("a deposit that an invoice uses up pays it from the account where it stands")
    func applied() throws {
        let used = document(
            .journal, [line(.control, "customer_deposits", 3_000, "835"), control(-3_000)], total: 3_000, appliesTo: guid(77), against: .invoice)
        let body = try sent(used)
        #expect(body["Invoice"] == ["InvoiceID": .string(guid(77))])
        #expect(body["Account"] == ["Code": "835"])
        #expect(body["Amount"] == .number("30.00"))
        #expect(connector.meant(used).accounts == ["835": 3_000])
        let taken = document(
            .deposit, [line(.tender, "clearing:card:GBP", 3_000, "611"), line(.control, "customer_deposits", -3_000, "835")], total: 3_000)
        #expect(try sent(taken)["JournalLines"]?.array?.count == 2)
    }

    @Test("a day's summary is an invoice over what stays open, each side's tax on its own lines")
    func summary() throws {
        func lines(_ owed: Int64) -> [LedgerDocument.Line] {
            [
                control(owed), line(.goods, "sales:x", -10_000, "200", tax: "GB@20", type: "OUTPUT2"), vat(-2_000, group: ""),
                line(.goods, "returns_allowances", 2_500, "206", tax: "GB@20", type: "OUTPUT2"), vat(500, group: ""),
                line(.tender, "clearing:card:GBP", 9_000 - owed, "611"),
            ]
        }
        let open = document(.summary, lines(1_200), total: 12_000, reference: "summary 2026-11-14:shop")
        #expect(connector.objections(to: open, facts) == [])
        let call = try #require(drive(connector.create([open], attempt: "a", facts)).calls.first)
        #expect(call.request.path == "/api.xro/2.0/Invoices")
        let items = try sent(open)["LineItems"]?.array ?? []
        #expect(items.map { $0["UnitAmount"]?.decimal } == [decimal("100.00"), decimal("-25.00"), decimal("-78.00")])
        #expect(items.map { $0["TaxAmount"]?.decimal } == [decimal("20"), decimal("-5"), nil])
        let meant = connector.meant(open)
        #expect(meant.total_minor == 1_200 && meant.tax_minor == 1_500)
        #expect(meant.accounts == ["200": -10_000, "206": 2_500, "611": 7_800])
        let owing = document(.summary, lines(-600), total: 12_000)
        let credit = try #require(drive(connector.create([owing], attempt: "a", facts)).calls.first)
        #expect(credit.request.path == "/api.xro/2.0/CreditNotes")
        #expect(connector.meant(owing).total_minor == 600)
    }

    @Test("what Xero takes in no document is told before it is cleared, each by its name")
    func objections() {
        func codes(_ document: LedgerDocument) -> [String] { connector.objections(to: document, facts).map(\.code) }
        var clearing = bank(-5_000, "091")
        clearing.plan.role = "clearing:card:GBP"
        #expect(codes(document(.payout, [bank(5_000), clearing], total: 5_000)) == ["bank_account_line"])
        #expect(codes(document(.journal, [control(500), line(.other, "write_off", -500, "404")], total: 500)) == ["receivable_line"])
        let owed = line(.control, "receivable:acme", 1_000, "610")
        #expect(codes(document(.summary, [owed, line(.goods, "sales:x", -1_000, "200")], total: 1_000)) == ["receivable_of_many"])
        let fee = document(
            .payment, [bank(985), control(-1_000), line(.fee, "bank_fees", 15, "404")], total: 1_000, appliesTo: guid(1), against: .invoice)
        #expect(codes(fee) == ["payment_with_rest"])
        #expect(codes(document(.memo, [])) == ["form_unsupported"])
        #expect(codes(payment()) == [] && codes(refund()) == [] && codes(simple()) == [])
        let mixed = document(
            .payout, [bank(5_000, currency: .eur), line(.control, "clearing:card:EUR", -5_000, "611", currency: .eur), line(.other, "fx_gain_loss", 1, "499")],
            currency: .eur, total: 5_000, rate: decimal("0.86"))
        #expect(codes(mixed) == ["lines_in_currencies"])
    }
}
