import Books
import ConnectorKit
import FoundationEssentials
import Kernel
import Testing
import Wire

@testable import Xero

@Suite struct SpecTests {
    @Test("every limit and the idempotency means have a source")
    func sources() {
        let spec = connector.spec
        for limit in spec.limits { #expect(spec.sources["limits.\(limit.name)"] != nil) }
        for fact in [
            "concurrency", "batch", "page", "fields", "tax", "idempotency", "idempotency.search", "idempotency.settles",
            "auth", "auth.grace",
        ] {
            #expect(spec.sources[fact] != nil, "\(fact)")
        }
        #expect(spec.sources.values.allSatisfy { !$0.isEmpty })
        #expect(spec.limits.map(\.name) == ["minute", "day", "appminute"])
        #expect(spec.limits.map(\.amount) == [60, 5_000, 10_000])
        #expect(spec.limits.last?.scope == .app)
        #expect(!spec.revisesPaidInvoices)
    }

    @Test("addresses are https, without a query or a secret")
    func addresses() {
        guard case .oauth2(let auth) = connector.spec.auth else {
            Issue.record("not OAuth 2")
            return
        }
        for address in [auth.authorizeURL, auth.tokenURL, connector.spec.productionBase] {
            #expect(address.hasPrefix("https://"))
            #expect(!address.contains("?"))
        }
        #expect(auth.tokenPath == "/identity/connect/token")
        #expect(auth.clientProof == .basic)
        #expect(auth.scopes.contains("offline_access"))
        #expect(auth.refreshGrace == .seconds(1_800))
    }

    @Test("every request names its organisation in a header and nothing of it in its address")
    func tenant() {
        let calls = [
            drive(connector.create([simple()], attempt: "a", facts)).calls,
            drive(connector.find([payment()], facts)).calls,
            drive(connector.chart(facts)).calls, drive(connector.identify(facts)).calls,
            drive(connector.void(simple(remoteID: guid(1)), attempt: "a", facts)).calls,
        ].flatMap(\.self)
        #expect(calls.count == 5)
        for call in calls {
            let request = connector.prepare(call.request, for: facts)
            #expect(request.fields["xero-tenant-id"] == facts.account)
            #expect(request.fields["Accept"] == "application/json")
            #expect(request.target.hasPrefix("/api.xro/2.0/"))
            #expect(!request.target.contains(facts.account))
            #expect(request.fields["Authorization"] == nil)
            #expect(Set(call.cost.keys) == Set(connector.spec.limits.map(\.name)))
            #expect(request.target.utf8.allSatisfy { $0 > 32 && $0 < 127 })
        }
        #expect(connector.prepare(calls[0].request, for: ConnectionFacts(account: "")).fields["xero-tenant-id"] == nil)
    }

    @Test("preview and posting are the same requests")
    func preview() throws {
        let first = try #require(drive(connector.create([simple()], attempt: "a", facts)).calls.first)
        let second = try #require(drive(connector.create([simple()], attempt: "b", facts)).calls.first)
        #expect(first.request.body == second.request.body)
        #expect(first.request.fields["Idempotency-Key"] != second.request.fields["Idempotency-Key"])
        let long = try #require(
            drive(connector.create([simple()], attempt: String(repeating: "a", count: 300), facts)).calls.first)
        #expect(long.request.fields["Idempotency-Key"]?.count == 128)
    }

    @Test("the docs page exists and names every form, code, setting and limit")
    func page() throws {
        var root = URL(filePath: #filePath).resolvingSymlinksInPath()
        for _ in 0 ..< 3 { root.deleteLastPathComponent() }
        let text = String(
            decoding: try Data(contentsOf: root.appending(path: "docs/connectors/xero.md")), as: UTF8.self)
        for form in ["invoice", "credit_note", "payment", "refund_payment", "journal", "sales_receipt", "bill", "purchase_order"] {
            #expect(text.contains("`\(form)`"), "\(form)")
        }
        for code in [
            "batch_refused", "ledger_account_invalid", "ledger_period_closed", "ledger_party_invalid",
            "ledger_document_fixed", "ledger_refused",
            "ledger_duplicate_number", "ledger_document_missing", "ledger_name_taken", "tax_without_line",
            "tax_code_unbound",
            "refund_without_credit_note", "form_unsupported", "waits_for_document",
            "not_connected", "token_refused",
            "rate_out_of_range", "currency_precision", "total_negative", "document_unbalanced", "unreadable_answer",
            "outcome_unknown", "tracking_unknown", "attachment_refused", "unreadable_notice", "setting_invalid", "bank_account_line",
        ] { #expect(text.contains("`\(code)`"), "\(code)") }
        for word in ["rate_direction", "base_per_document", "`tracking`", "`changes_seconds`", "5000", "10,000", "Known gaps"] {
            #expect(text.contains(word), "\(word)")
        }
    }
}
