import Books
import Kernel
import Postgres

@testable import Store

/// Every named statement with sample values, and who runs it.
struct Sample {
    var name: String
    var sql: SQL
    var role: Role

    enum Role {
        /// The tenant's own.
        case worker
        case supervisor
        /// Of the whole server: for trials from outside.
        case administrator
    }

    init(_ name: String, _ sql: SQL, by role: Role = .worker) {
        self.name = name
        self.sql = sql
        self.role = role
    }
}

private let random = SeededRandom(seed: 7)
private let connection: ConnectionID = random.identifier()
private let flow: FlowID = random.identifier()
private let json: [UInt8] = Array("{}".utf8)
private let day = LocalDate(daysSince1970: 20_000)
private let now = Timestamp(seconds: 1_700_000_000)
let sampleKey: PostKey = {
    guard let key = PostKey("0123456789abcdef") else { preconditionFailure("sixteen characters of the alphabet are a key") }
    return key
}()

private func plan() -> PlanRow {
    PlanRow(
        key: sampleKey, caseID: "O-1", subject: "O-1", form: "invoice", effect: "post", revision: 1, plan: json, planDigest: [1], reference: "order O-1",
        date: day, currency: "USD", totalMinor: 1, appliesTo: nil, covers: ["O-1"])
}

private func document() -> DocumentRow {
    DocumentRow(kind: "sale", isNote: false, sourceID: "O-1", id: random.identifier(), caseID: "O-1", version: 1, at: now, body: json)
}

func samples(_ t: TenantID) -> [Sample] {
    pipeline(t) + work(t) + changes(t) + scheduling(t) + schedules(t) + administration(t) + batches(t) + reports(t) + alerts(t) + trials(t) + consents(t) + returns(t) + reflections(t) + restores(t) + people(t) + bells()
}

private func restores(_ t: TenantID) -> [Sample] {
    [
        Sample("PostingStatements.going", PostingStatements.going(t, flow)),
        Sample("RestoreStatements.isReadAgain", RestoreStatements.isReadAgain(t, flow)), Sample("RestoreStatements.doubt", RestoreStatements.doubt(t, flow, limit: 10)),
        Sample("RestoreStatements.doubt", RestoreStatements.doubt(t, [sampleKey])), Sample("RestoreStatements.waits", RestoreStatements.waits(t, flow)),
        Sample("RestoreStatements.among", RestoreStatements.among(t, [sampleKey], older: true)),
        Sample("RestoreStatements.among", RestoreStatements.among(t, [sampleKey], older: false)), Sample("RestoreStatements.unknown", RestoreStatements.unknown(t, [sampleKey])), Sample("RestoreStatements.vouch", RestoreStatements.vouch(t, sampleKey), by: .supervisor),
        Sample("RestoreStatements.dirty", RestoreStatements.dirty(t, [sampleKey])), Sample("MarkStatements.standing", MarkStatements.standing(with: [random.identifier()]), by: .supervisor),
        Sample("MarkStatements.raise", MarkStatements.raise(random.identifier()), by: .supervisor), Sample("MarkStatements.older", MarkStatements.older(), by: .supervisor),
        Sample("MarkStatements.isOlder", MarkStatements.isOlder(), by: .supervisor),
        Sample("AdminRestoreStatements.state", AdminRestoreStatements.state(), by: .supervisor),
        Sample("AdminRestoreStatements.renew", AdminRestoreStatements.renew(random.identifier()), by: .supervisor),
        Sample("AdminRestoreStatements.flows", AdminRestoreStatements.flows(to: now), by: .supervisor),
        Sample("AdminRestoreStatements.cursors", AdminRestoreStatements.cursors(to: now), by: .supervisor),
        Sample("AdminRestoreStatements.uncleared", AdminRestoreStatements.uncleared(), by: .supervisor),
        Sample("AdminRestoreStatements.batches", AdminRestoreStatements.batches(), by: .supervisor),
    ]
}

private func people(_ t: TenantID) -> [Sample] {
    let row = UserRow(id: random.identifier(), name: "ann", visibility: Visibility(tenant: t), scopes: ["read"]), digest = [UInt8](repeating: 1, count: 32)
    let window: Duration = .seconds(900)
    let all: [(String, SQL)] = [
        ("UserStatements.insert", UserStatements.insert(row, password: "$scrypt$")), ("UserStatements.created", UserStatements.created(row, actor: "a")),
        ("UserStatements.list", UserStatements.list(Visibility(tenant: t), PageRequest(after: ["a"], limit: 5))), ("UserStatements.one", UserStatements.one(row.id, .all)),
        ("UserStatements.named", UserStatements.named("ann")), ("UserStatements.found", UserStatements.found("ann")),
        ("UserStatements.change", UserStatements.change(row.id, disabled: true, scopes: nil)), ("UserStatements.setPassword", UserStatements.setPassword(row.id, "$scrypt$")),
        ("UserStatements.stillHas", UserStatements.stillHas(row.id, "$scrypt$")),
        ("UserStatements.keepAnew", UserStatements.keepAnew(row.id, "$scrypt$", instead: "$scrypt$1")), ("UserStatements.signedIn", UserStatements.signedIn(row.id)),
        ("SessionStatements.open", SessionStatements.open(digest, key: nil, user: row.id, owner: row.visibility, at: now, until: now)),
        ("SessionStatements.endOldest", SessionStatements.endOldest(of: row.visibility, beyond: 3)), ("SessionStatements.find", SessionStatements.find(digest, at: now)),
        ("SessionStatements.close", SessionStatements.close(digest)), ("SessionStatements.endAll", SessionStatements.endAll(of: row.id)),
        ("SessionStatements.expire", SessionStatements.expire(at: now)), ("SignInStatements.count", SignInStatements.count([digest], at: now, window: window)),
        ("SignInStatements.giveBack", SignInStatements.giveBack([digest])), ("SignInStatements.forget", SignInStatements.forget(digest)),
        ("SignInStatements.forgetOld", SignInStatements.forgetOld(before: now)),
    ]
    return all.map { Sample($0.0, $0.1, by: .supervisor) }
}

private func bells() -> [Sample] { [Sample("ReflectionBellStatements.addresses", ReflectionBellStatements.addresses(), by: .supervisor)] }

private func consents(_ t: TenantID) -> [Sample] {
    let id: ConsentID = random.identifier(), digest = [UInt8](repeating: 1, count: 32)
    let new = NewConsent(id: id, connection: connection, kind: "direct", linkDigest: digest, key: random.identifier(), createdBy: "a", expiresAt: now)
    return [
        Sample("AdminConnectionStatements.lock", AdminConnectionStatements.lock(t, connection), by: .supervisor),
        Sample("ConsentStatements.insert", ConsentStatements.insert(t, new), by: .supervisor),
        Sample("ConsentStatements.revokeMade", ConsentStatements.revokeMade(with: random.identifier(), actor: "a"), by: .supervisor),
        Sample("ConsentStatements.revokeAll", ConsentStatements.revokeAll(of: t, random.identifier(), actor: "a"), by: .supervisor),
        Sample("ConsentStatements.unsettled", ConsentStatements.unsettled(t, connection, at: now), by: .supervisor),
        Sample("ConsentStatements.ask", ConsentStatements.ask(t, id, browser: digest, state: digest, verifier: nil, until: now, at: now), by: .supervisor),
        Sample("ConsentStatements.receive", ConsentStatements.receive(t, id, answer: [1], account: nil, at: now), by: .supervisor),
        Sample("ConsentStatements.one", ConsentStatements.one(t, id)),
        Sample("ConsentStatements.send", ConsentStatements.send(t, id, back: false)),
        Sample("ConsentStatements.grant", ConsentStatements.grant(t, id, credential: [1])),
        Sample("ConsentStatements.find", ConsentStatements.find(t, id, found: Array("[]".utf8))),
        Sample("ConsentStatements.fail", ConsentStatements.fail(t, id, fault: json, from: nil)),
        Sample("ConsentStatements.fail", ConsentStatements.fail(t, id, fault: json, from: "sent"), by: .supervisor),
        Sample("ConsentStatements.refuse", ConsentStatements.refuse(t, id), by: .supervisor),
        Sample("ConsentStatements.revoke", ConsentStatements.revoke(t, id), by: .supervisor),
        Sample("ConsentStatements.confirm", ConsentStatements.confirm(t, id, account: "a", at: now), by: .supervisor),
        Sample("ConsentStatements.expire", ConsentStatements.expire(at: now), by: .supervisor),
        Sample("ExpectedAccountStatements.expected", ExpectedAccountStatements.expected(t, connection)),
        Sample("AdminConsentStatements.byLink", AdminConsentStatements.byLink(digest), by: .supervisor),
        Sample("AdminConsentStatements.byState", AdminConsentStatements.byState(digest), by: .supervisor),
        Sample("AdminConsentStatements.byID", AdminConsentStatements.byID(id), by: .supervisor),
        Sample("AdminConsentStatements.list", AdminConsentStatements.list(t, connection, PageRequest(after: ["2026-11-14 10:00:00+00", "x"], limit: 5)), by: .supervisor),
        Sample("AdminConsentStatements.one", AdminConsentStatements.one(id, .all), by: .supervisor),
    ]
}

private func changes(_ t: TenantID) -> [Sample] {
    let notice = NoticeRow(object: "Invoice", remoteID: "1", change: "updated", at: now)
    let new = NewNotice(tenant: t, connection: connection, notice: notice, id: "n")
    return [
        Sample("PostingStatements.lock", PostingStatements.lock(t, [sampleKey])),
        Sample("ChangeStatements.feed", ChangeStatements.feed(t, connection)),
        Sample("ChangeStatements.saveFeed", ChangeStatements.saveFeed(t, connection, watermark: now, next: nil)),
        Sample("ChangeStatements.mark", ChangeStatements.mark(t, connection, keys: [(sampleKey, "1")], remoteIDs: ["1"])),
        Sample("ChangeStatements.markAll", ChangeStatements.markAll(t, connection)),
        Sample("ChangeStatements.marked", ChangeStatements.marked(t, flow, limit: 10)),
        Sample("ChangeStatements.unmark", ChangeStatements.unmark(t, [(sampleKey, "1", json, now)])),
        Sample("ChangeStatements.drifted", ChangeStatements.drifted(t, sampleKey, findings: json, fault: json, shown: json)), Sample("ChangeStatements.accept", ChangeStatements.accept(t, sampleKey, shown: json, version: "1", side: json, asked: now)),
        Sample("ChangeStatements.markLater", ChangeStatements.markLater(t, [sampleKey], by: .seconds(1), looked: true)),
        Sample("ChangeStatements.nextMarked", ChangeStatements.nextMarked(t, flow)),
        Sample("NoticeStatements.connections", NoticeStatements.connections("books", accounts: ["1"]), by: .supervisor),
        Sample("NoticeStatements.keep", NoticeStatements.keep([new]), by: .supervisor),
        Sample("NoticeStatements.waiting", NoticeStatements.waiting(t, connection, limit: 10)),
        Sample("NoticeStatements.forget", NoticeStatements.forget(t, connection, [notice])),
        Sample("AttachmentStatements.want", AttachmentStatements.want(t, flow, [(sampleKey, 1)])),
        Sample("AttachmentStatements.due", AttachmentStatements.due(t, flow, limit: 10)),
        Sample("AttachmentStatements.send", AttachmentStatements.send(
            t, epoch: 1, sampleKey, revision: 1, name: "f", digest: [1], attempt: "a", again: .seconds(1))),
        Sample("AttachmentStatements.settle", AttachmentStatements.settle(t, sampleKey, revision: 1, AttachmentOutcome(.refused, fault: json))),
        Sample("AttachmentStatements.later", AttachmentStatements.later(t, sampleKey, revision: 1, by: .seconds(1))),
        Sample("AttachmentStatements.next", AttachmentStatements.next(t, flow)),
        Sample("AttachmentStatements.parts", AttachmentStatements.parts(t, of: sampleKey)),
    ]
}

private func reflections(_ t: TenantID) -> [Sample] {
    let page = PageRequest(after: nil, limit: 10), sees = Visibility(consultancy: nil, tenant: t), id = random.uuid()
    let new = NewReflection(key: sampleKey, connection: connection, subject: "7", says: json, digest: [1], paidMinor: 1, finding: json)
    let bell = ReflectionBell(tenant: t, connection: connection, url: "u", secret: [1], after: 0, newest: 1, attempts: 1)
    return [
        Sample("ReflectionStatements.known", ReflectionStatements.known(t, [sampleKey])),
        Sample("ReflectionStatements.add", ReflectionStatements.add(t, flow, [(new, 1, .zero)])),
        Sample("ReflectionStatements.supersede", ReflectionStatements.supersede(t, [(sampleKey, 1)])),
        Sample("ReflectionStatements.answer", ReflectionStatements.answer(t, sampleKey)),
        Sample("ReflectionStatements.answerAccepted", ReflectionStatements.answerAccepted(t, flow), by: .supervisor),
        Sample("ReflectionStatements.paid", ReflectionStatements.paid(t, [(sampleKey, 1, nil)])),
        Sample("ReflectionStatements.due", ReflectionStatements.due(t, flow, to: [connection], limit: 10)),
        Sample("ReflectionStatements.send", ReflectionStatements.send(t, epoch: 1, sampleKey, number: 1, attempt: "a", again: .seconds(1))),
        Sample("ReflectionStatements.settle", ReflectionStatements.settle(t, sampleKey, number: 1, ReflectionOutcome(.refused, fault: json))),
        Sample("ReflectionStatements.queue", ReflectionStatements.queue(t, connection)),
        Sample("ReflectionStatements.keep", ReflectionStatements.keep(t, connection, [(sampleKey, 1)])),
        Sample("ReflectionStatements.next", ReflectionStatements.next(t, flow, to: [connection])),
        Sample("ReflectionStatements.open", ReflectionStatements.open(t, flow)),
        Sample("ReflectionStatements.settling", ReflectionStatements.settling(t, [sampleKey])),
        Sample("ReflectionStatements.paidThere", ReflectionStatements.paidThere(t, [sampleKey])),
        Sample("ReflectionStatements.returned", ReflectionStatements.returned(t, [sampleKey])),
        Sample("ReflectionStatements.lookAtMoney", ReflectionStatements.lookAtMoney(t, of: [sampleKey], for: connection)),
        Sample("ReflectionStatements.lookAt", ReflectionStatements.lookAt(t, [sampleKey])),
        Sample("ReflectionStatements.look", ReflectionStatements.look(t, flow), by: .supervisor),
        Sample("ReflectionStatements.recheckAll", ReflectionStatements.recheckAll(t, flow), by: .supervisor),
        Sample("ReflectionStatements.recheckPayments", ReflectionStatements.recheckPayments(t, [sampleKey])),
        Sample("AdminReflectionStatements.list", AdminReflectionStatements.list(t, state: "held", code: "x", flow: flow, source: connection, page), by: .supervisor),
        Sample("AdminReflectionStatements.fetched", AdminReflectionStatements.fetched(t, connection, after: 1, limit: 10), by: .supervisor),
        Sample("AdminReflectionStatements.one", AdminReflectionStatements.one(id, sees), by: .supervisor),
        Sample("AdminReflectionStatements.tell", AdminReflectionStatements.tell(t, id), by: .supervisor),
        Sample("AdminReflectionStatements.dismiss", AdminReflectionStatements.dismiss(t, id), by: .supervisor),
        Sample("ReflectionBellStatements.claim", ReflectionBellStatements.claim(limit: 5, for: .seconds(1)), by: .supervisor),
        Sample("ReflectionBellStatements.heard", ReflectionBellStatements.heard(bell, outcome: "heard"), by: .supervisor),
        Sample("ReflectionBellStatements.later", ReflectionBellStatements.later(bell, by: .seconds(1), outcome: "no"), by: .supervisor),
        Sample("ReflectionBellStatements.one", ReflectionBellStatements.one(t, connection), by: .supervisor),
        Sample("ReflectionBellStatements.put", ReflectionBellStatements.put(t, connection, url: "u", secret: [1], actor: "a"), by: .supervisor),
        Sample("ReflectionBellStatements.remove", ReflectionBellStatements.remove(t, connection), by: .supervisor),
    ]
}

private func alerts(_ t: TenantID) -> [Sample] {
    let page = PageRequest(after: nil, limit: 10), sees = Visibility(consultancy: nil, tenant: t), owner = AlertOwner(t), id = random.uuid()
    let standing = StandingAlert(
        id: id, tenant: t, tenantSlug: "s", tenantName: "n", key: "k", severity: .warning, cause: "c", remedy: "r", firstAt: now, openedAt: now, lastAt: now)
    let seen = [SeenAlert(tenant: t, row: AlertRow(key: "k", severity: .warning, cause: "c", remedy: "r"), items: 1)]
    let delivery = AlertDelivery(
        id: id, owner: owner, route: "r", kind: "email", purpose: .opened, receiver: "x", subject: "s", body: [1], alerts: [id])
    let route = AlertRouteRow(owner: owner, name: "r", kind: "email", settings: json, secret: [1])
    let notice = AlertNotice(owner: owner, route: "r", tenant: t, key: "k", told: .opened, at: now)
    let filter = AlertFilter(tenant: t, state: "open", severity: "warning", cause: "held")
    let survey: [(String, SQL)] = [
        ("AlertSurveyStatements.held", AlertSurveyStatements.held([flow])), ("AlertSurveyStatements.heldMarks", AlertSurveyStatements.heldMarks()), ("AlertSurveyStatements.rejected", AlertSurveyStatements.rejected()),
        ("AlertSurveyStatements.undecided", AlertSurveyStatements.undecided()), ("AlertSurveyStatements.events", AlertSurveyStatements.events()),
        ("AlertSurveyStatements.quarantined", AlertSurveyStatements.quarantined()), ("AlertSurveyStatements.connections", AlertSurveyStatements.connections()),
        ("AlertSurveyStatements.crashes", AlertSurveyStatements.crashes()), ("AlertSurveyStatements.lag", AlertSurveyStatements.lag()),
        ("AlertSurveyStatements.webhooks", AlertSurveyStatements.webhooks()), ("AlertSurveyStatements.clocks", AlertSurveyStatements.clocks()),
        ("AlertSurveyStatements.undelivered", AlertSurveyStatements.undelivered()), ("SourceHourStatements.count", SourceHourStatements.count()),
        ("SourceHourStatements.quiet", SourceHourStatements.quiet()), ("SourceHourStatements.prune", SourceHourStatements.prune()),
        ("QuotaStatements.of", QuotaStatements.of(t, connection)), ("QuotaStatements.spent", QuotaStatements.spent()),
        ("QuotaStatements.fullest", QuotaStatements.fullest()), ("QuotaStatements.byConnection", QuotaStatements.byConnection()),
        ("QuotaStatements.byApp", QuotaStatements.byApp()), ("QuotaStatements.spentApps", QuotaStatements.spentApps()), ("QuotaStatements.inFlight", QuotaStatements.inFlight()),
        ("QuotaStatements.inFlight", QuotaStatements.inFlight(t, connection)), ("SourceHourStatements.mute", SourceHourStatements.mute()),
        ("AlertSurveyStatements.lasting", AlertSurveyStatements.lasting()), ("AlertBoardStatements.setAside", AlertBoardStatements.setAside(["k"])),
        ("AlertBoardStatements.bringBack", AlertBoardStatements.bringBack()), ("AlertDeliveryStatements.refreshed", AlertDeliveryStatements.refreshed()),
        ("AlertDeliveryStatements.refresh", AlertDeliveryStatements.refresh(delivery)), ("QuotaStatements.ofApp", QuotaStatements.ofApp("p")),
    ]
    let board: [(String, SQL)] = [
        ("AlertBoardStatements.standing", AlertBoardStatements.standing()), ("AlertBoardStatements.open", AlertBoardStatements.open(seen)),
        ("AlertBoardStatements.refresh", AlertBoardStatements.refresh(seen)), ("AlertBoardStatements.resolve", AlertBoardStatements.resolve([standing])),
        ("AlertBoardStatements.watch", AlertBoardStatements.watch(every: .seconds(5))), ("AlertBoardStatements.watched", AlertBoardStatements.watched(counted: true)),
        ("AlertBoardStatements.publicKey", AlertBoardStatements.publicKey()), ("AlertBoardStatements.setPublicKey", AlertBoardStatements.setPublicKey([1])),
        ("AlertRouteStatements.allRules", AlertRouteStatements.allRules()), ("AlertRouteStatements.allRoutes", AlertRouteStatements.allRoutes()),
        ("AlertRouteStatements.rules", AlertRouteStatements.rules(owner)), ("AlertRouteStatements.putRules", AlertRouteStatements.putRules(owner, body: json, actor: "a")),
        ("AlertRouteStatements.routes", AlertRouteStatements.routes(owner)), ("AlertRouteStatements.rows", AlertRouteStatements.rows(owner)),
        ("AlertRouteStatements.dropRoutes", AlertRouteStatements.dropRoutes(owner, but: ["r"])), ("AlertRouteStatements.dropNotices", AlertRouteStatements.dropNotices(owner, but: ["r"])),
        ("AlertRouteStatements.dropWaiting", AlertRouteStatements.dropWaiting(owner, but: ["r"])), ("AlertRouteStatements.putRoute", AlertRouteStatements.putRoute(route, actor: "a")),
    ]
    let deliveries: [(String, SQL)] = [
        ("AlertDeliveryStatements.notices", AlertDeliveryStatements.notices()), ("AlertDeliveryStatements.saveNotices", AlertDeliveryStatements.saveNotices([notice])),
        ("AlertDeliveryStatements.sentInHour", AlertDeliveryStatements.sentInHour()), ("AlertDeliveryStatements.testsInHour", AlertDeliveryStatements.testsInHour(owner)),
        ("AlertDeliveryStatements.insert", AlertDeliveryStatements.insert(delivery)), ("AlertDeliveryStatements.claim", AlertDeliveryStatements.claim(limit: 9, for: .seconds(1))),
        ("AlertDeliveryStatements.settle", AlertDeliveryStatements.settle(delivery, state: "failed", outcome: "o")),
        ("AlertDeliveryStatements.later", AlertDeliveryStatements.later(delivery, by: .seconds(1), outcome: "o")),
        ("AlertDeliveryStatements.write", AlertDeliveryStatements.write(delivery)), ("AlertDeliveryStatements.route", AlertDeliveryStatements.route(owner, "r")),
        ("AlertDeliveryStatements.prune", AlertDeliveryStatements.prune()),
        ("AlertDeliveryStatements.list", AlertDeliveryStatements.list(owner, route: "r", state: "failed", alert: id, page)),
        ("AlertDeliveryStatements.one", AlertDeliveryStatements.one(owner, id)),
        ("AdminAlertStatements.list", AdminAlertStatements.list(sees, filter, page)), ("AdminAlertStatements.one", AdminAlertStatements.one(id, sees)),
        ("AdminAlertStatements.acknowledge", AdminAlertStatements.acknowledge(t, id, by: "a", note: nil)),
        ("AdminAlertStatements.mute", AdminAlertStatements.mute(t, id, until: now, by: "a", note: "n")), ("AdminAlertStatements.unmute", AdminAlertStatements.unmute(t, id)),
        ("AdminAlertStatements.openByCause", AdminAlertStatements.openByCause()), ("AdminAlertStatements.deliveries", AdminAlertStatements.deliveries()),
        ("AdminAlertStatements.lag", AdminAlertStatements.lag()), ("AdminAlertStatements.down", AdminAlertStatements.down()),
    ]
    return (survey + board + deliveries).map { Sample($0.0, $0.1, by: .supervisor) } + [
        Sample("TenantStatements.setClock", TenantStatements.setClock(t, connection, ahead_s: 400)),
        Sample("TenantStatements.setDown", TenantStatements.setDown(t, connection, reason: "r")),
    ]
}

private func batches(_ t: TenantID) -> [Sample] {
    let id: BatchID = random.identifier(), keys = [sampleKey], page = PageRequest(limit: 10)
    let new = NewBatch(
        id: id, connection: connection, number: 1, form: "f", formVersion: "f/1", fileName: "f.csv", mediaType: "text/csv", content: [1], digest: [1], rows: 1,
        notes: json, actor: "a", items: [NewBatch.Item(key: sampleKey, revision: 1, reference: "R", currency: "USD", figureMinor: 1, findable: false)])
    return [
        Sample("BatchStatements.list", BatchStatements.list(t, connection, state: "open", page), by: .supervisor),
        Sample("BatchStatements.one", BatchStatements.one(id, .all), by: .supervisor),
        Sample("BatchStatements.items", BatchStatements.items(t, id, page), by: .supervisor),
        Sample("BatchStatements.lockConnection", BatchStatements.lockConnection(t, connection), by: .supervisor),
        Sample("BatchStatements.nextNumber", BatchStatements.nextNumber(t, connection), by: .supervisor),
        Sample("BatchStatements.takeable", BatchStatements.takeable(t, connection, until: day, limit: 10), by: .supervisor),
        Sample("BatchStatements.standing", BatchStatements.standing(t, keys), by: .supervisor),
        Sample("BatchStatements.insert", BatchStatements.insert(t, new), by: .supervisor),
        Sample("BatchStatements.insertItems", BatchStatements.insertItems(t, new), by: .supervisor),
        Sample("BatchStatements.take", BatchStatements.take(t, new), by: .supervisor),
        Sample("BatchStatements.head", BatchStatements.head(t, id)),
        Sample("BatchStatements.handOver", BatchStatements.handOver(t, id), by: .supervisor),
        Sample("BatchStatements.download", BatchStatements.download(t, id), by: .supervisor),
        Sample("BatchStatements.inHand", BatchStatements.inHand(t, id)),
        Sample("BatchStatements.settleByHand", BatchStatements.settleByHand(t, id, keys), by: .supervisor),
        Sample("BatchStatements.settleFound", BatchStatements.settleFound(t, id, [(sampleKey, "1", nil)])),
        Sample("BatchStatements.confirmedItems", BatchStatements.confirmedItems(t, id), by: .supervisor),
        Sample("BatchStatements.noteInHand", BatchStatements.noteInHand(t, keys, findings: json)),
        Sample("BatchStatements.partsInHand", BatchStatements.partsInHand(t, keys)),
        Sample("BatchStatements.dirtyParts", BatchStatements.dirtyParts(t, keys)),
        Sample("BatchStatements.settleItems", BatchStatements.settleItems(t, id, keys, state: "confirmed")),
        Sample("BatchStatements.note", BatchStatements.note(t, id, [(sampleKey, "w")]), by: .supervisor),
        Sample("BatchStatements.close", BatchStatements.close(t, id)),
        Sample("BatchStatements.release", BatchStatements.release(t, id, keys), by: .supervisor),
        Sample("BatchStatements.doubt", BatchStatements.doubt(t, id, keys), by: .supervisor),
        Sample("BatchStatements.handedOver", BatchStatements.handedOver(t, connection, after: "", limit: 10)),
    ]
}

private func pipeline(_ t: TenantID) -> [Sample] {
    let dirty = DirtyCase(caseID: "O-1", changedAt: now)
    let event = NewEvent(tenant: t, connection: connection, topic: "orders", deliveryID: "d", sealedBody: [1])
    return [
        Sample("EventStatements.ingest", EventStatements.ingest([event], lane: .webhook)),
        Sample("EventStatements.ingestNaming", EventStatements.ingestNaming([event], lane: .webhook)),
        Sample("EventStatements.ingested", EventStatements.ingested(t, connection, limit: 10)),
        Sample("EventStatements.normalized", EventStatements.normalized(t, ids: [1])),
        Sample("EventStatements.held", EventStatements.held(t, id: 1, fault: json)),
        Sample("DocumentStatements.upsert", DocumentStatements.upsert(t, flow, [document()])),
        Sample("DocumentStatements.upsertNotes", DocumentStatements.upsertNotes(t, flow, [document()])),
        Sample("DocumentStatements.markDirty", DocumentStatements.markDirty(t, flow, cases: ["O-1"])),
        Sample("DocumentStatements.stopped", DocumentStatements.stopped(t, flow, limit: 10)),
        Sample("DocumentStatements.dirty", DocumentStatements.dirty(t, flow, limit: 10)),
        Sample("DocumentStatements.anyDirty", DocumentStatements.anyDirty(t, flow)),
        Sample("DocumentStatements.planned", DocumentStatements.planned(t, flow, [dirty])),
        Sample("DocumentStatements.unplannable", DocumentStatements.unplannable(t, flow, dirty, fault: json)),
        Sample("DocumentStatements.ofCases", DocumentStatements.ofCases(t, flow, cases: ["O-1"])),
        Sample("DocumentStatements.known", DocumentStatements.known(t, flow, ids: ["O-1"])),
        Sample("DocumentStatements.setState", DocumentStatements.setState(t, flow, state: "mapped", cases: ["O-1"])),
        Sample("DocumentStatements.dirtyRejected", DocumentStatements.dirtyRejected(t, flow, beside: [sampleKey.text])),
        Sample("DocumentStatements.dirtyHeld", DocumentStatements.dirtyHeld(t, flow)),
        Sample("PostingStatements.ofCases", PostingStatements.ofCases(t, flow, cases: ["O-1"])),
        Sample("PostingStatements.byKeys", PostingStatements.byKeys(t, [sampleKey])),
        Sample("PostingStatements.map", PostingStatements.map(t, flow, connection, [plan()])),
        Sample("PostingStatements.cover", PostingStatements.cover(t, [plan()])),
        Sample("PostingStatements.restore", PostingStatements.restore(t, [plan()])), Sample("PostingStatements.adopt", PostingStatements.adopt(t, [plan()])),
        Sample("PostingStatements.supersede", PostingStatements.supersede(t, [(sampleKey, "O-1")])),
        Sample("PostingStatements.mapped", PostingStatements.mapped(t, flow, limit: 10)),
        Sample("PostingStatements.clear", PostingStatements.clear(t, [(sampleKey, json, false)])),
        Sample("PostingStatements.due", PostingStatements.due(t, flow, limit: 10)),
        Sample("PostingStatements.remoteIDs", PostingStatements.remoteIDs(t, [sampleKey])),
        Sample("PostingStatements.posted", PostingStatements.posted(t, flow, limit: 10)),
        Sample("PostingStatements.confirmed", PostingStatements.confirmed(t, [(sampleKey, "1", json)])),
        Sample("PostingStatements.differs", PostingStatements.differs(t, sampleKey, findings: json, fault: json, shown: json)), Sample("PostingStatements.voidedThere", PostingStatements.voidedThere(t, [sampleKey])),
        Sample("PostingStatements.retryLater", PostingStatements.retryLater(t, [sampleKey], by: .seconds(1), fault: nil)),
        Sample("PostingStatements.hold", PostingStatements.hold(t, sampleKey, findings: json)),
        Sample("PostingStatements.nextAttempt", PostingStatements.nextAttempt(t, flow)),
        Sample("PostingStatements.nextConfirm", PostingStatements.nextConfirm(t, flow)),
        Sample("PostingStatements.recheckDependants", PostingStatements.recheckDependants(t, [sampleKey])),
        Sample("ProofStatements.save", ProofStatements.save(t, flow, [
            ProofRow(day: day, currency: "USD", sourceMinor: 1, postedMinor: 1, openMinor: 0, unexplainedMinor: 0, items: json),
        ])),
        Sample("ProofStatements.clearOthers", ProofStatements.clearOthers(t, flow, but: [
            ProofRow(day: day, currency: "USD", sourceMinor: 1, postedMinor: 1, openMinor: 0, unexplainedMinor: 0, items: json, account: "clearing:card:USD"),
        ])),
        Sample("ProofStatements.clearing", ProofStatements.clearing(t, connection)),
        Sample("ProofStatements.payouts", ProofStatements.payouts(t, connection)),
        Sample("MemberStatements.forget", MemberStatements.forget(t, flow, cases: ["PO-1"], but: [("PO-1", "P-1")])),
        Sample("MemberStatements.remember", MemberStatements.remember(t, flow, [("PO-1", "P-1")])),
        Sample("MemberStatements.dirtyAround", MemberStatements.dirtyAround(t, [sampleKey])),
        Sample("MemberStatements.standing", MemberStatements.standing(t, connection, members: ["P-1"])),
        Sample("MemberStatements.documents", MemberStatements.documents(t, into: connection, kind: "payment", having: "bank")),
        Sample("MemberStatements.knows", MemberStatements.knows(t, into: connection, kind: "payout")),
        Sample("MemberStatements.dirtyBeside", MemberStatements.dirtyBeside(t, covering: ["L-1"], held: ["L-1"], cases: [(flow, "O-1")])),
        Sample("MemberStatements.dirtyDays", MemberStatements.dirtyDays(t, flow, cases: ["2026-11-02:shop"])),
        Sample("MemberStatements.dirtySettlements", MemberStatements.dirtySettlements(t, flow, keys: [sampleKey], members: ["P-1"])),
        Sample("MemberStatements.dirtyPaid", MemberStatements.dirtyPaid(t, flow, members: ["P-1"])),
        Sample("MemberStatements.payouts", MemberStatements.payouts(t, flow, lookingAt: ["P-1"])),
        Sample("MemberStatements.gatherings", MemberStatements.gatherings(t, flow, limit: 10)),
        Sample("MemberStatements.parts", MemberStatements.parts(t, flow, day: day)),
        Sample("MemberStatements.parts", MemberStatements.parts(t, flow, members: ["P-1"])),
        Sample("MemberStatements.gather", MemberStatements.gather(t, [(sampleKey, sampleKey)])),
        Sample("MemberStatements.claim", MemberStatements.claim(t, flow, [dirty])),
        Sample("ProofStatements.reconcile", ProofStatements.reconcile(t, flow, days: [day])),
        Sample("ProofStatements.byDay", ProofStatements.byDay(t, flow)),
        Sample("ProofStatements.sourceAmounts", ProofStatements.sourceAmounts(t, flow, zone: "UTC")),
        Sample("ProofStatements.postingAmounts", ProofStatements.postingAmounts(t, flow)),
    ]
}

let sampleFigure = ReturnFigureRow(
    id: "return:7", state: "closed", settledAt: Timestamp(seconds: 1_794_700_000), currency: "USD", moneyMinor: 4_200, creditMinor: 0, refunds: ["R-1", "R-2"])

private func work(_ t: TenantID) -> [Sample] {
    let job = Job(.post, "flow", lane: .webhook)
    let charge = BudgetCharge(name: "minute", amount: 10, window: .seconds(60), cost: 1)
    let intent = NewIntent(key: sampleKey, revision: 1, action: .create, attempt: "a", requestDigest: [1])
    let chart = ChartRow(lockDate: nil, baseCurrency: "USD", currencies: ["USD"], taxCodes: [], accounts: json, readAt: now)
    let alert = AlertRow(key: "k", severity: .warning, cause: "c", remedy: "r")
    return [
        Sample("EventStatements.said", EventStatements.said(t, connection, ["d#1"])),
        Sample("EventStatements.remembered", EventStatements.remembered(t, connection, ["d#1"])),
        Sample("IntentStatements.write", IntentStatements.write(t, epoch: 1, [intent])),
        Sample("IntentStatements.markPosting", IntentStatements.markPosting(t, [intent])),
        Sample("IntentStatements.settle", IntentStatements.settle(t, [Settlement(key: sampleKey, attempt: "a", outcome: .posted)])),
        Sample("IntentStatements.orphans", IntentStatements.orphans(t, epoch: 2)),
        Sample("IntentStatements.orphanPostings", IntentStatements.orphanPostings(t, [sampleKey.text])),
        Sample("IntentStatements.checkAgain", IntentStatements.checkAgain(t, [sampleKey])),
        Sample("IntentStatements.unsettled", IntentStatements.unsettled(t, flow, limit: 10)),
        Sample("JobStatements.ask", JobStatements.ask(t, [job])),
        Sample("JobStatements.due", JobStatements.due(t, limit: 10)),
        Sample("JobStatements.finish", JobStatements.finish(t, job)),
        Sample("JobStatements.finish", JobStatements.finish(t, [job])),
        Sample("JobStatements.postpone", JobStatements.postpone(t, job, by: .seconds(1), fault: json)),
        Sample("JobStatements.postponeUnread", JobStatements.postponeUnread(t)),
        Sample("JobStatements.nextDue", JobStatements.nextDue(t)),
        Sample("CrashStatements.suspicions", CrashStatements.suspicions(t)),
        Sample("CrashStatements.clear", CrashStatements.clear(t, JobName(.post, "flow"))),
        Sample("CrashStatements.acquit", CrashStatements.acquit(t, JobName(.post, "flow"), well: true)),
        Sample("CrashStatements.rest", CrashStatements.rest(t, job, by: .seconds(1))),
        Sample("BudgetStatements.open", BudgetStatements.open(t, connection, [charge])),
        Sample("BudgetStatements.take", BudgetStatements.take(t, connection, [charge])),
        Sample("BudgetStatements.pause", BudgetStatements.pause(t, connection, name: "minute", for: .seconds(1))),
        Sample("BudgetStatements.correct", BudgetStatements.correct(t, connection, name: "minute", remaining: 5)),
        Sample("BudgetStatements.declareApp", BudgetStatements.declareApp([AppLimit(platform: "p", name: "minute", amount: 1, window: .seconds(1))]), by: .supervisor),
        Sample("BudgetStatements.takeApp", BudgetStatements.takeApp(platform: "p", name: "minute", amount: 1, window: .seconds(1), cost: 1)),
        Sample("AlertStatements.raise", AlertStatements.raise(t, [alert])), Sample("AlertStatements.details", AlertStatements.details(t, keyPrefix: "k")),
        Sample("AlertStatements.resolve", AlertStatements.resolve(t, keyPrefix: "k")),
        Sample("AlertStatements.resolve", AlertStatements.resolve(t, keys: ["k"])),
        Sample("LedgerStatements.saveChart", LedgerStatements.saveChart(t, connection, chart)),
        Sample("LedgerStatements.chart", LedgerStatements.chart(t, connection)),
        Sample("LedgerStatements.references", LedgerStatements.references(t, connection)),
        Sample("LedgerStatements.saveReferences", LedgerStatements.saveReferences(t, connection, [ReferenceRow(kind: "party", key: "k", name: "n", remoteID: "1")])),
        Sample("TenantStatements.flows", TenantStatements.flows(t)),
        Sample("TenantStatements.connection", TenantStatements.connection(t, connection)),
        Sample("TenantStatements.connections", TenantStatements.connections(t)),
        Sample("TenantStatements.configuration", TenantStatements.configuration(t)),
        Sample("TenantStatements.setConnectionState", TenantStatements.setConnectionState(t, connection, state: "dead", reason: nil)),
        Sample("TenantStatements.saveCredential", TenantStatements.saveCredential(t, connection, sealed: [1], expecting: 1)),
        Sample("TenantStatements.forgetOldCredential", TenantStatements.forgetOldCredential(t, connection, version: 1)),
        Sample("TenantStatements.saveWatermark", TenantStatements.saveWatermark(t, connection, now)),
        Sample("TenantStatements.saveIdentity", TenantStatements.saveIdentity(t, connection, json, given: 1)),
        Sample("TenantStatements.refuseIdentity", TenantStatements.refuseIdentity(t, connection, reason: "r", given: 1)),
        Sample("TenantStatements.hurryFetches", TenantStatements.hurryFetches(t, connection)),
        Sample("AuditStatements.insert", AuditStatements.insert(t, [AuditEntry(actor: "worker", action: "b", subject: "c")])),
    ]
}

private func scheduling(_ t: TenantID) -> [Sample] {
    let lease = Lease(tenant: t, epoch: 1)
    let crashed = JobName(.post, "flow")
    let list: [(String, SQL)] = [
        ("JobStatements.dueTenants", JobStatements.dueTenants(limit: 10, except: [t])),
        ("JobStatements.due", JobStatements.due(among: [t])), ("JobStatements.nextDueOfAll", JobStatements.nextDueOfAll()),
        ("JobStatements.askDueSweeps", JobStatements.askDueSweeps()),
        ("JobStatements.askDueChanges", JobStatements.askDueChanges()),
        ("JobStatements.askForgotten", JobStatements.askForgotten()),
        ("JobStatements.wake", JobStatements.wake()),
        ("LeaseStatements.acquire", LeaseStatements.acquire(t, holder: "h", seconds: 30)),
        ("LeaseStatements.renew", LeaseStatements.renew(lease, holder: "h", seconds: 30)),
        ("LeaseStatements.release", LeaseStatements.release(lease, holder: "h", served: .seconds(1), crashed: false)),
        ("LeaseStatements.openRole", LeaseStatements.openRole(t, verifier: "SCRAM-SHA-256$", until: now)),
        ("LeaseStatements.closeRole", LeaseStatements.closeRole(t)),
        ("LeaseStatements.keyless", LeaseStatements.keyless(limit: 10)),
        ("LeaseStatements.giveKeys", LeaseStatements.giveKeys(t, publicKey: [1], wrapped: [2])),
        ("SealStatements.auditOwners", SealStatements.auditOwners()),
        ("SealStatements.unsealed", SealStatements.unsealed(limit: 10)), ("SealStatements.unsealedAge", SealStatements.unsealedAge()),
        ("SealStatements.seals", SealStatements.seals(t, after: 0, limit: 10)),
        ("SealStatements.rows", SealStatements.rows(t, afterXID: 1, id: 1, before: 9, limit: 10)),
        ("TakeoverStatements.openRole", TakeoverStatements.openRole(lease, holder: "h", verifier: "SCRAM-SHA-256$", seconds: 60)),
        ("TakeoverStatements.closeRole", TakeoverStatements.closeRole(lease, holder: "h")),
        ("TakeoverStatements.setWorker", TakeoverStatements.setWorker(lease, holder: "h", pid: 1)),
        ("TakeoverStatements.held", TakeoverStatements.held(on: "h", notBy: "i")),
        ("TakeoverStatements.free", TakeoverStatements.free(lease, holder: "h", pid: 1)),
        ("CrashStatements.suspicion", CrashStatements.suspicion(t, crashed)),
        ("CrashStatements.save", CrashStatements.save(t, crashed, Suspicion(crashes: 1, batch: 1, quarantined: .seconds(1)))),
        ("CrashStatements.putOff", CrashStatements.putOff(t, crashed, by: .seconds(1), fault: json)),
        ("CrashStatements.dueNow", CrashStatements.dueNow(t, crashed)),
        ("CrashStatements.holdCase", CrashStatements.holdCase(t, flow, "O-1", fault: json)),
        ("CrashStatements.holdPosting", CrashStatements.holdPosting(t, sampleKey.text, fault: json, finding: json)),
        ("CrashStatements.refuseReflection", CrashStatements.refuseReflection(t, sampleKey.text, 1, fault: json)),
        ("CrashStatements.refuseAttachment", CrashStatements.refuseAttachment(t, sampleKey.text, 1, fault: json)),
        ("SealStatements.add", SealStatements.add(t, number: 1, beforeXID: "5", rows: 1, digest: [1])),
    ]
    return list.map { Sample($0.0, $0.1, by: .supervisor) }
}

private func schedules(_ t: TenantID) -> [Sample] {
    let row = ScheduleRow(
        tenant: t, flow: flow, subject: "post", rule: "hourly", zone: "UTC", state: "active", isStated: true, nextRun: now, lastRun: nil)
    let list: [(String, SQL)] = [
        ("DocumentStatements.closure", DocumentStatements.closure(t, flow, from: now, before: now)),
        ("DocumentStatements.waiting", DocumentStatements.waiting(t, flow, cases: ["O-1"], [("O-1", "O-1")])),
        ("ScheduleStatements.due", ScheduleStatements.due(limit: 10)),
        ("ScheduleStatements.ofFlow", ScheduleStatements.ofFlow(t, flow)),
        ("ScheduleStatements.clock", ScheduleStatements.clock()),
        ("ScheduleStatements.lockFlow", ScheduleStatements.lockFlow(t, flow)),
        ("ScheduleStatements.lockRows", ScheduleStatements.lockRows(t, flow)),
        ("ScheduleStatements.troubles", ScheduleStatements.troubles()),
        ("ScheduleStatements.put", ScheduleStatements.put(t, flow, subject: "post", rule: "hourly", zone: "UTC", next: now)),
        ("ScheduleStatements.dropExcept", ScheduleStatements.dropExcept(t, flow, subjects: ["post"])),
        ("ScheduleStatements.pause", ScheduleStatements.pause(t, flow, subject: "post", zone: "UTC")),
        ("ScheduleStatements.resume", ScheduleStatements.resume(row, next: now)),
        ("ScheduleStatements.drop", ScheduleStatements.drop(row)),
        ("ScheduleStatements.ran", ScheduleStatements.ran(row, next: nil)),
        ("ScheduleStatements.putOff", ScheduleStatements.putOff(row, by: .seconds(1), fault: Fault("x", stage: .database, disposition: .bug, summary: "x"))),
        ("ScheduleStatements.waiting", ScheduleStatements.waiting(row)),
        ("ScheduleStatements.letGo", ScheduleStatements.letGo(row)),
        ("ScheduleStatements.dueNow", ScheduleStatements.dueNow(t, flow)),
        ("ScheduleStatements.askSources", ScheduleStatements.askSources(t, flow, lane: .poll)),
    ]
    return list.map { Sample($0.0, $0.1, by: .supervisor) }
}

private func administration(_ t: TenantID) -> [Sample] {
    let key: APIKeyID = random.identifier()
    let firm: ConsultancyID = random.identifier()
    let company: OrganisationID = random.identifier()
    let document: DocumentID = random.identifier()
    let page = PageRequest(after: nil, limit: 10), sees = Visibility(consultancy: firm, tenant: t)
    let newFlow = NewFlow(
        id: flow, slug: "f", organisation: company, source: connection, ledger: connection, policies: json, cutOver: nil, pollSeconds: 60)
    let apiKey = APIKeyRow(id: key, label: "l", visibility: sees, scopes: ["read"])
    let organisation = OrganisationRow(id: company, slug: "o", name: "n", country: "US", baseCurrency: "USD", timeZone: "UTC")
    let all = PostingFilter(flow: flow, state: "held", check: "drift", caseID: "O-1")
    let list: [(String, SQL)] = [
        ("AdminConfigurationStatements.insertVersion", AdminConfigurationStatements.insertVersion(.rules, t, body: json, actor: "a")),
        ("AdminConfigurationStatements.newestNumbers", AdminConfigurationStatements.newestNumbers(t)), ("AdminConfigurationStatements.newestVersion", AdminConfigurationStatements.newestVersion(.structure, t)),
        ("AdminConfigurationStatements.oneVersion", AdminConfigurationStatements.oneVersion(.rules, t, 1)),
        ("AdminConfigurationStatements.versions", AdminConfigurationStatements.versions(.rules, t, page)),
        ("AdminConfigurationStatements.insertFlow", AdminConfigurationStatements.insertFlow(t, newFlow)),
        ("EventStatements.reread", EventStatements.reread(t, connection)),
        ("AdminConfigurationStatements.flows", AdminConfigurationStatements.flows(t, slug: "f", page)),
        ("AdminConfigurationStatements.flowIDs", AdminConfigurationStatements.flowIDs(t)),
        ("AdminConfigurationStatements.oneFlow", AdminConfigurationStatements.oneFlow(flow, sees)),
        ("AdminConfigurationStatements.updateFlow", AdminConfigurationStatements.updateFlow(t, flow, policies: json, state: "paused", pollSeconds: 60, cutOver: .some(nil))),
        ("AdminConnectionStatements.insert", AdminConnectionStatements.insert(t, NewConnection(id: connection, slug: "c", platform: "p", account: "a", baseURL: nil, settings: json))),
        ("AdminConnectionStatements.list", AdminConnectionStatements.list(t, slug: "c", platform: "p", page)),
        ("AdminConnectionStatements.one", AdminConnectionStatements.one(connection, sees)),
        ("AdminConnectionStatements.update", AdminConnectionStatements.update(t, connection, settings: json, base: BaseChange(url: nil, former: "https://a.example", moves: true), state: "live")),
        ("AdminConnectionStatements.putCredential", AdminConnectionStatements.putCredential(t, connection, sealed: [1])),
        ("AdminConnectionStatements.askWho", AdminConnectionStatements.askWho(t, [connection])), ("AdminConnectionStatements.putWebhookSecret", AdminConnectionStatements.putWebhookSecret(t, connection, sealed: [1])),
        ("AdminConnectionStatements.intake", AdminConnectionStatements.intake(connection)),
        ("AdminConnectionStatements.hurry", AdminConnectionStatements.hurry(t)),
        ("AdminDocumentStatements.list", AdminDocumentStatements.list(t, DocumentFilter(flow: flow, kind: "sale", state: "held", caseID: "O-1", code: "x"), page)),
        ("AdminDocumentStatements.one", AdminDocumentStatements.one(document, sees)),
        ("AdminDocumentStatements.keys", AdminDocumentStatements.keys(t, document)),
        ("AdminKeyStatements.created", AdminKeyStatements.created(t, apiKey, actor: "key a")), ("AdminKeyStatements.insert", AdminKeyStatements.insert(apiKey, digest: [1])),
        ("AdminKeyStatements.byDigest", AdminKeyStatements.byDigest([1])),
        ("AdminKeyStatements.list", AdminKeyStatements.list(sees, page)),
        ("AdminKeyStatements.one", AdminKeyStatements.one(key, sees)),
        ("AdminKeyStatements.revoke", AdminKeyStatements.revoke(key)),
        ("AdminPostingStatements.list", AdminPostingStatements.list(t, all, page)),
        ("AdminPostingStatements.one", AdminPostingStatements.one(sampleKey, sees)),
        ("AdminPostingStatements.intents", AdminPostingStatements.intents(t, sampleKey)),
        ("AdminPostingStatements.history", AdminPostingStatements.history(t, sampleKey)),
        ("AdminPostingStatements.hold", AdminPostingStatements.hold(t, sampleKey, findings: json)),
        ("AdminPostingStatements.release", AdminPostingStatements.release(t, sampleKey)),
        ("AdminPostingStatements.releaseGone", AdminPostingStatements.releaseGone(t, sampleKey)), ("AdminPostingStatements.retry", AdminPostingStatements.retry(t, sampleKey)),
        ("AdminPostingStatements.accept", AdminPostingStatements.accept(t, sampleKey, actor: "test")), ("AdminPostingStatements.stoppedByChart", AdminPostingStatements.stoppedByChart(t, sampleKey)),
        ("AdminTenancyStatements.insertConsultancy", AdminTenancyStatements.insertConsultancy(firm, slug: "f", name: "n")),
        ("AdminTenancyStatements.consultancies", AdminTenancyStatements.consultancies(sees, slug: "f", page)),
        ("AdminTenancyStatements.consultancy", AdminTenancyStatements.consultancy(firm, sees)),
        ("AdminTenancyStatements.insertTenant", AdminTenancyStatements.insertTenant(t, consultancy: firm, slug: "t", name: "n", weight: 1)),
        ("AdminTenancyStatements.tenants", AdminTenancyStatements.tenants(sees, consultancy: firm, slug: "t", state: "active", page)),
        ("AdminTenancyStatements.tenant", AdminTenancyStatements.tenant(t, sees)),
        ("AdminTenancyStatements.publicKey", AdminTenancyStatements.publicKey(t)),
        ("AdminTenancyStatements.updateTenant", AdminTenancyStatements.updateTenant(t, name: "n", state: "paused", weight: 2)),
        ("AdminTenancyStatements.lockTenant", AdminTenancyStatements.lockTenant(t)),
        ("AdminTenancyStatements.insertOrganisation", AdminTenancyStatements.insertOrganisation(t, organisation)),
        ("AdminTenancyStatements.organisations", AdminTenancyStatements.organisations(t, slug: "o", page)),
        ("AdminTenancyStatements.organisation", AdminTenancyStatements.organisation(company, sees)),
        ("AdminTrailStatements.audit", AdminTrailStatements.audit(t, subject: "s", page)),
        ("AdminWorkStatements.events", AdminWorkStatements.events(t, state: "held", code: "x", page)),
        ("AdminWorkStatements.retryEvent", AdminWorkStatements.retryEvent(t, 1)),
        ("AdminWorkStatements.jobs", AdminWorkStatements.jobs(t, page)),
        ("AdminTrailStatements.proofs", AdminTrailStatements.proofs(t, flow, ofAccounts: false, unexplained: true, page)),
        ("AdminTrailStatements.claim", AdminTrailStatements.claim(key, "w", digest: [1])),
        ("AdminTrailStatements.firstAnswer", AdminTrailStatements.firstAnswer(key, "w")),
        ("AdminTrailStatements.answer", AdminTrailStatements.answer(key, "w", status: 200, body: [1])),
        ("AdminTrailStatements.forgetAnswers", AdminTrailStatements.forgetAnswers()),
    ]
    return list.map { Sample($0.0, $0.1, by: .supervisor) }
}

private func reports(_ t: TenantID) -> [Sample] {
    let page = PageRequest(after: nil, limit: 10), sees = Visibility(consultancy: nil, tenant: t)
    let list: [(String, SQL)] = [
        ("ReportStatements.tenants", ReportStatements.tenants(sees, consultancy: nil, tenant: t)),
        ("ReportStatements.held", ReportStatements.held(sees, tenant: t, check: "c", page)),
        ("ReportStatements.pending", ReportStatements.pending(sees, consultancy: nil, tenant: t)),
        ("ReportStatements.steps", ReportStatements.steps(sees)),
        ("FleetStatements.tenants", FleetStatements.tenants(sees)), ("FleetStatements.days", FleetStatements.days(sees, t, count: 30)),
        ("FleetStatements.causes", FleetStatements.causes(sees, tenant: t)), ("FleetStatements.counts", FleetStatements.counts(sees)),
        ("FleetStatements.marks", FleetStatements.marks()), ("FleetStatements.documents", FleetStatements.documents(t, sampleKey)),
        ("ReportStatements.unexplained", ReportStatements.unexplained(sees)),
        ("ReportStatements.postingsByState", ReportStatements.postingsByState()),
        ("ReportStatements.openAlerts", ReportStatements.openAlerts()),
        ("ReportStatements.unexplainedByCurrency", ReportStatements.unexplainedByCurrency()),
        ("ReportStatements.ping", ReportStatements.ping()),
    ]
    return list.map { Sample($0.0, $0.1, by: .supervisor) }
}

private func returns(_ t: TenantID) -> [Sample] {
    [
        Sample("MemberStatements.dirtyBilled", MemberStatements.dirtyBilled(t, flow, [("INV-1", "order:SO-1")])),
        Sample("MemberStatements.billing", MemberStatements.billing(t, flow, orders: ["order:SO-1"])),
        Sample("MemberStatements.partsThere", MemberStatements.partsThere(t, [sampleKey])),
        Sample("ReturnFigureStatements.save", ReturnFigureStatements.save(t, connection, [sampleFigure], at: Timestamp(seconds: 0))),
        Sample("ReturnFigureStatements.forget", ReturnFigureStatements.forget(t, connection, ["return:7"])),
        Sample("ReturnFigureStatements.touch", ReturnFigureStatements.touch(t, connection, ["return:7"])),
        Sample("ReturnFigureStatements.unlisted", ReturnFigureStatements.unlisted(t, connection, but: ["return:7"], limit: 5)),
        Sample("ReturnFigureStatements.askAlone", ReturnFigureStatements.askAlone(t, connection, limit: 10)),
        Sample("ReturnFigureStatements.askSweep", ReturnFigureStatements.askSweep(t, connection)),
        Sample("ReturnFigureStatements.beside", ReturnFigureStatements.beside(t, flow, connection)),
        Sample("ReturnFigureStatements.all", ReturnFigureStatements.all(t, connection, fresh: .seconds(45))),
        Sample("ReturnFigureStatements.shopRefunds", ReturnFigureStatements.shopRefunds(t, flow)),
    ]
}

private func trials(_ t: TenantID) -> [Sample] {
    let list: [(String, SQL)] = [
        ("VantageStatements.shut", VantageStatements.shut(.confirm, t)),
        ("VantageStatements.waiting", VantageStatements.waiting(.confirm)),
        ("VantageStatements.lease", VantageStatements.lease(t)),
        ("VantageStatements.ready", VantageStatements.ready(t)),
        ("VantageStatements.takeLease", VantageStatements.takeLease(t, seconds: 30)),
        ("VantageStatements.freeLease", VantageStatements.freeLease(t)),
    ]
    return list.map { Sample($0.0, $0.1, by: .administrator) }
}
