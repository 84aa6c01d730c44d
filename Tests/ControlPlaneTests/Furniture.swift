import Books
import Kernel
import Mapping
import Postgres
import Store
import Wire

@testable import ControlPlane

/// Rows that a worker would have written, put there by the superuser.
extension Bench {
    static let usd = Currency("USD")!

    /// An invoice of 10.80 USD over one homeware line.
    static func plan(_ subject: String, sku: String = "HOM-1", note: String? = nil) -> PlannedPosting {
        func money(_ minor: Int64) -> Money { Money(minor: minor, usd) }
        var plan = PlannedPosting(
            subject: subject, form: .invoice, caseID: subject, covers: [subject], date: LocalDate(year: 2026, month: 11, day: 14)!, currency: usd, total: money(1080),
            lines: [
                PostingLine(.control, role: "receivable:shop", amount: money(1080), derivedFrom: [subject]),
                PostingLine(.goods, role: "sales:homeware", amount: money(-1000), taxCode: "US-CO@8", group: "L1", derivedFrom: ["\(subject)/L1"], text: "Mug <b>", sku: sku),
                PostingLine(.tax, role: "tax_payable:US-CO", amount: money(-80), taxCode: "US-CO@8", derivedFrom: [subject]),
            ], party: "shop")
        plan.note = note
        return plan
    }

    static func key(_ n: Int) -> PostKey {
        let digits = "\(n)"
        return PostKey(String(repeating: "0", count: 16 - digits.count) + digits)!
    }

    /// A sale that stands in its case.
    func document(_ made: Furnished, _ source: String, kind: String = "sale", dirty: Bool = false, planned: Bool = true, fault: String? = nil) async throws -> DocumentID {
        let id: DocumentID = SystemRandom().identifier()
        let (t, f) = (made.tenant.id, made.flow)
        _ = try await root.pool.query("""
            INSERT INTO app.documents (tenant_id, flow_id, kind, source_id, id, case_id, version, happened_at, body, state)
            VALUES (\(t), \(f), \(kind), \(source), \(id), \(source), 1, '2026-11-14T12:00:00Z', \(PostgresJSON(Array(#"{"number":"1001"}"#.utf8))), 'cleared')
            """)
        _ = try await root.pool.query("""
            INSERT INTO app.cases (tenant_id, flow_id, case_id, dirty, planned_at, fault)
            VALUES (\(t), \(f), \(source), \(dirty), \(planned ? Timestamp(seconds: 1) : nil), \(fault.map { PostgresJSON(Array("{\"code\":\"\($0)\"}".utf8)) }))
            ON CONFLICT DO NOTHING
            """)
        return id
    }

    @discardableResult
    func posting(
        _ made: Furnished, _ n: Int, of source: String, state: String, checks: [String] = [], fault: String? = nil, remote: String? = nil,
        plan: PlannedPosting? = nil, appliesTo: PostKey? = nil
    ) async throws -> PostKey {
        let key = Bench.key(n)
        let body = PlanCodec.encode(plan ?? Bench.plan(source)).bytes
        let findings = JSON.array(checks.map { .object([("check", .string($0)), ("why", .string("because of \($0)")), ("remedy", .string("mend \($0)"))]) })
        let (t, f, l) = (made.tenant.id, made.flow, made.ledger)
        let done = ["posted", "confirmed", "reconciled"].contains(state)
        _ = try await root.pool.query("""
            INSERT INTO app.postings (tenant_id, post_key, flow_id, ledger_id, case_id, subject, form, effect, state, plan, plan_digest, reference, ledger_date,
              currency, total_minor, findings, fault, remote_id, posted_at, confirmed_at, applies_to)
            VALUES (\(t), \(key.text), \(f), \(l), \(source), \(source), 'invoice', 'post', \(state), \(PostgresJSON(body)), '\\x00', \("order \(source)"), '2026-11-14',
              'USD', 1080, \(PostgresJSON(findings.bytes)), \(fault.map { PostgresJSON(Array("{\"code\":\"\($0)\",\"summary\":\"no\"}".utf8)) }),
              \(remote ?? (done ? "R\(n)" : nil)), \(done || remote != nil ? Timestamp(seconds: 2) : nil), \(done && state != "posted" ? Timestamp(seconds: 3) : nil),
              \(appliesTo?.text))
            """)
        _ = try await root.pool.query("INSERT INTO app.posting_documents (tenant_id, post_key, source_id) VALUES (\(t), \(key.text), \(source))")
        return key
    }

    /// An invoice that somebody voided in the ledger.
    func voidedThere(_ made: Furnished, _ n: Int, of source: String) async throws -> PostKey {
        let key = try await posting(made, n, of: source, state: "confirmed")
        _ = try await root.pool.query("""
            UPDATE app.postings SET state = 'manual', sent = plan, sent_digest = plan_digest, shown_as = '{"voided": true, "total_minor": 1080}',
              findings = '[{"check": "drift", "why": "voided: confirmed as false, the ledger has true", "remedy": "", "position": "voided"}]', fault = '{"code": "differs"}'
            WHERE post_key = \(key.text)
            """)
        return key
    }

    /// The ledger's accounts as last read.
    func chart(_ made: Furnished, _ codes: [String] = ["4010", "1200", "2200"]) async throws {
        let accounts = JSON.array(codes.map { .object([("code", .string($0)), ("remote_id", .string("r\($0)")), ("name", .string("Account \($0)")), ("type", "x"), ("active", true)]) })
        try await root.saveChart(made.tenant.id, made.ledger, ChartRow(
            lockDate: nil, baseCurrency: "USD", currencies: ["USD"], taxCodes: [], accounts: accounts.bytes, readAt: Timestamp(seconds: 1)))
    }
}
