import Books
import ConnectorKit
import Crypto
import Kernel
import Testing
import Wire

@testable import Xero

@Suite struct FuzzTests {
    private static let seeds: [String] = [
        "{\"Invoices\":[\(FindTests.invoice())]}", "{\"Payments\":[\(FindTests.paid(1, id: 51))]}",
        """
        {"CreditNotes":[{"CreditNoteID":"\(guid(61))","CreditNoteNumber":"\(key())","Type":"ACCRECCREDIT","Status":"PAID","Date":"/Date(1794614400000+0000)/",
        "CurrencyCode":"JPY","TotalTax":3,"Total":21,"LineItems":[{"LineAmount":20,"TaxAmount":4,"AccountCode":"206"}]}]}
        """,
        """
        {"ManualJournals":[{"ManualJournalID":"\(guid(71))","Narration":"cf:\(key()) tips","Date":"/Date(1794614400000-1300)/",
        "JournalLines":[{"LineAmount":5.00,"AccountCode":"832"}],"ValidationErrors":[{"Message":"x"}],"StatusAttributeString":"ERROR"}]}
        """,
        "{\"ErrorNumber\":10,\"Message\":\"A validation exception occurred\",\"Elements\":[{\"ValidationErrors\":[{\"Message\":\"Invoice # must be unique.\"}]}]}",
        "{\"Organisations\":[{\"Name\":\"a\",\"BaseCurrency\":\"GBP\",\"PeriodLockDate\":\"/Date(1793404800000+0000)/\"}]}",
        "{\"Accounts\":[{\"AccountID\":\"\(guid(1))\",\"Code\":\"200\",\"Name\":\"n\",\"Type\":\"BANK\",\"Status\":\"ACTIVE\"}]}",
        "{\"Contacts\":[{\"ContactID\":\"\(guid(1))\",\"Name\":\"Shop customers\",\"ContactStatus\":\"ACTIVE\"}]}",
        "{\"TrackingCategories\":[{\"Name\":\"Region\",\"Status\":\"ACTIVE\",\"Options\":[{\"Name\":\"North\",\"Status\":\"ACTIVE\"}]}]}",
        "{\"Attachments\":[{\"AttachmentID\":\"\(guid(1))\",\"FileName\":\"a.csv\",\"ContentLength\":3}]}",
        """
        {"DateTimeUTC":"/Date(1552327126164)/","PurchaseOrders":[{"PurchaseOrderID":"\(guid(61))","PurchaseOrderNumber":"\(key())","Status":"BILLED",
        "Date":"/Date(1794614400000+0000)/","UpdatedDateUTC":"/Date(1763640000000+0000)/","Total":5.00,"TotalTax":0,"LineItems":[{"LineAmount":5.00,"AccountCode":"630"}]}]}
        """,
    ]

    private static let pieces: [String] = [
        "null", "\"\"", "[]", "{}", "-1", "1e30", "9223372036854775807", "-99999999999999999999999999999999999.99",
        "0.0000000000000000000000000001",
        "\"/Date(9999999999999999)/\"", "\"/Date(-62135596800000-1400)/\"", "\"/Date(253402300799999+1400)/\"",
        "\"JPY\"", "\"KWD\"", "true",
        "\"00000000-0000-0000-0000-000000000000\"",
    ]

    private func mutated(_ random: inout Seeded) -> [UInt8] {
        var text = Array((Self.seeds.randomElement(using: &random) ?? "{}").utf8)
        for _ in 0 ..< Int.random(in: 0 ... 4, using: &random) where !text.isEmpty {
            let at = Int.random(in: 0 ..< text.count, using: &random)
            switch Int.random(in: 0 ..< 5, using: &random) {
            case 0: text[at] = UInt8.random(in: 0 ... 255, using: &random)
            case 1: text.removeSubrange(at ..< min(text.count, at + Int.random(in: 1 ... 12, using: &random)))
            default:
                // A whole value after a colon becomes another one: that stays JSON more often.
                guard let colon = text[at...].firstIndex(of: UInt8(ascii: ":")) else { continue }
                var end = colon + 1
                if end < text.count, text[end] == UInt8(ascii: "\"") {
                    end += 1
                    while end < text.count, text[end] != UInt8(ascii: "\"") { end += 1 }
                    end = min(end + 1, text.count)
                } else {
                    while end < text.count, !",}]".utf8.contains(text[end]) { end += 1 }
                }
                text.replaceSubrange(
                    colon + 1 ..< end, with: Array((Self.pieces.randomElement(using: &random) ?? "0").utf8))
            }
        }
        return text
    }

    @Test("no answer, however broken, stops the program; a create always ends with an outcome for each document")
    func neverTraps() {
        let note = document(.creditNote, [line(.goods, "r", 1000, "206"), control(-1000)], remoteID: guid(61))
        let tips = document(
            .journal, [line(.control, "t", 500, "832"), line(.tender, "c", -500, "612")], total: 500, remoteID: guid(71)
        )
        let payable = line(.control, "payable:x", -500, "800")
        let order = document(.purchaseOrder, [line(.goods, "inventory", 500, "630"), payable], remoteID: guid(61))
        let bill = document(.bill, [line(.goods, "inventory", 500, "630"), payable], remoteID: guid(41))
        let all = [simple(remoteID: guid(41)), note, payment(remoteID: guid(51)), tips, order, bill]
        let tracked = ConnectionFacts(account: facts.account, settings: ["tracking": "Region"])
        let file = LedgerFile(name: "a.csv", contentType: "text/csv", bytes: [1, 2, 3])
        let wants = [ReferenceWant(kind: .party, key: "shop", name: "Shop customers", text: "")]
        var ends = 0
        for seed in 0 ..< UInt64(350) {
            var random = Seeded(seed)
            let answers = (0 ..< 4).map { _ in
                HTTPResponse([200, 200, 200, 400, 404].randomElement(using: &random) ?? 200, body: mutated(&random))
            }
            for document in all {
                if let outcomes = drive(connector.create([document, document], attempt: "a", facts), answers).end.output
                {
                    #expect(outcomes.count == 2, "seed \(seed)")
                    ends += 1
                }
                _ = drive(connector.void(document, attempt: "a", facts), answers)
                var tagged = document
                tagged.lines[0].dimensions = ["Region": "North"]
                _ = drive(connector.update(tagged, attempt: "a", tracked), answers)
                if let attach = connector.attach(file, to: document, attempt: "a", facts) { _ = drive(attach, answers) }
                if drive(connector.find([document], facts), answers).end.output != nil { ends += 1 }
                if drive(connector.fetch([document], facts), answers).end.output != nil { ends += 1 }
            }
            for cursor in [nil, "PurchaseOrders/1/1763639940/1763639940/"] {
                if let changes = connector.changes(since: Timestamp(seconds: 1_763_640_000), cursor: cursor, facts) { _ = drive(changes, answers) }
            }
            if let body = answers.first?.body {
                do throws(Fault) {
                    _ = try connector.notices(["x-xero-signature": Base64.encode(HMAC.sha256(key: [1], body))], body: body, secret: Secret([1]))
                } catch { #expect(error.code == "unreadable_notice") }
            }
            _ = drive(connector.chart(facts), answers)
            _ = drive(connector.identify(facts), answers)
            _ = drive(connector.findReferences(wants, facts), answers)
            _ = drive(connector.createReferences(wants, facts), answers)
        }
        #expect(ends > 200)
    }
}
