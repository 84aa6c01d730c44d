internal import Crypto
internal import Kernel
internal import Wire

/// Who sent a request, from where and when.
struct IntacctCaller: Sendable {
    var control: IntacctControl
    var endpoint: String
    var now: Timestamp
}

/// Whom a company let in.
struct IntacctLogin: Sendable {
    var user: String
    var entity: String
    var began: Timestamp
    var ends: Timestamp

    func element(_ company: String) -> XMLElement {
        .node("authentication", [
            .leaf("status", "success"), .leaf("userid", user), .leaf("companyid", company), .leaf("locationid", entity),
            .leaf("sessiontimestamp", IntacctTime.zoned(began)), .leaf("sessiontimeout", IntacctTime.zoned(ends)),
        ])
    }
}

extension IntacctCompany {
    /// Most entity sessions and logins that are kept; the oldest that have ended go first.
    static let sessionsMost = 2000

    func session(_ id: String) -> IntacctRecord? { records("_SESSION", where: "SESSIONID", is: id).first }

    func authenticate(_ block: XMLElement, _ caller: IntacctCaller, _ life: Duration) throws(IntacctProblem) -> IntacctLogin {
        if let login = block["login"] {
            guard [SageIntacctTwin.userID, SageIntacctTwin.readerID].contains(login.value("userid") ?? ""),
                constantTimeEquals(Array((login.value("password") ?? "").utf8), Array(SageIntacctTwin.userPassword.utf8))
            else { throw .signIn }
            try guardSender(caller)
            let entity = login.value("locationid") ?? ""
            try guardEntity(entity)
            return IntacctLogin(user: login.value("userid") ?? "", entity: entity, began: now, ends: now + life)
        }
        guard let session = session(block.value("sessionid") ?? ""), session["ENDED"].isEmpty, let end = session.int("ENDS") else { throw .session }
        let ends = Timestamp(seconds: Int64(end))
        guard ends > now else { throw .session }
        // A session belongs to whoever opened it.
        guard session["SENDER"] == caller.control.sender else { throw .session }
        try guardSender(caller)
        let began = Timestamp(seconds: Int64(session.int("BEGAN") ?? 0))
        return IntacctLogin(user: session["USERID"], entity: session["LOCATIONID"], began: began, ends: ends)
    }

    private func guardSender(_ caller: IntacctCaller) throws(IntacctProblem) {
        guard caller.control.sender != SageIntacctTwin.strangerID else { throw .unauthorised(caller.control.sender, name) }
    }

    private func guardEntity(_ entity: String) throws(IntacctProblem) {
        guard entity.isEmpty || named("LOCATIONENTITY", entity)?.isActive == true else { throw .signIn }
    }

    /// A session, at the caller's entity or at the one that is asked for.
    mutating func getAPISession(_ call: IntacctCall, _ random: any RandomSource) throws(IntacctProblem) -> [XMLElement] {
        let at = call.body["locationid"].map(\.value) ?? entity
        if !at.isEmpty, named("LOCATIONENTITY", at)?.isActive != true {
            throw IntacctProblem("Get API Session Failed", "Invalid location '\(at)' specified.")
        }
        forgetSessions()
        let id = random.bytes(20).hexText + ".."
        let ends = now + call.session
        insert("_SESSION", [
            "SESSIONID": id, "USERID": user, "SENDER": call.sender, "LOCATIONID": at, "BEGAN": "\(now.seconds)", "ENDS": "\(ends.seconds)",
        ])
        return [.node("data", [.node("api", [.leaf("sessionid", id), .leaf("endpoint", call.endpoint), .leaf("locationid", at)])])]
    }

    private mutating func forgetSessions() {
        let kept = all("_SESSION")
        guard kept.count >= Self.sessionsMost else { return }
        let ended = kept.filter { !$0["ENDED"].isEmpty || Int64($0.int("ENDS") ?? 0) <= now.seconds }
        for session in ended.isEmpty ? [kept[0]] : ended { delete("_SESSION", session.no) }
    }

    mutating func endSessions() {
        for session in all("_SESSION") where session["ENDED"].isEmpty { update("_SESSION", session.no, ["ENDED": "true"]) }
    }
}
