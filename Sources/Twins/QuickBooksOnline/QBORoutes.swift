internal import Kernel
internal import Wire

// What the service answers below /v3/company/{realm}.
extension QBOCompany {
    /// `requestid`: at most 50 characters; 36 for a batch, and then each bId at most 10, 50 together.
    static let requestIDCharacters = 50
    static let batchRequestIDCharacters = 36
    static let batchItemCharacters = 10

    /// Answers one authorized call.
    mutating func call(_ request: HTTPRequest, path: [String], limits: QuickBooksOnlineLimits) -> HTTPResponse {
        let isPost = request.method == .post
        guard isPost || request.method == .get else { return plain(.unsupported(request.method.rawValue)) }
        guard let resource = path.first, path.count <= 2 else {
            return plain(.unsupported(path.joined(separator: "/")))
        }
        if !isPost, resource == "download" { return download(path.count > 1 ? path[1] : nil) }
        guard request.fields["Accept"]?.lowercased().contains("json") == true else {
            // Without this header the vendor answers in XML, which this twin does not speak.
            return .text(406, "Send Accept: application/json; without it QuickBooks Online answers in XML.")
        }
        if isPost, resource == "query" { return queried(String(decoding: request.body, as: UTF8.self), request) }
        if !isPost { return read(request, resource, path.count > 1 ? path[1] : nil) }

        let wanted = resource == "upload" ? "multipart/form-data" : "application/json"
        guard let type = request.fields["Content-Type"]?.lowercased(), type.hasPrefix(wanted) else {
            return plain(QBOError(code: "1050", message: "Invalid Content Type", detail: "Only \(wanted) is spoken here"))
        }
        let requestID = request.query("requestid").flatMap { $0.isEmpty ? nil : $0 }
        if let requestID {
            if let kept = replies[requestID] {
                return HTTPResponse(kept.status, fields: Self.jsonFields, body: kept.body)
            }
            if requestID.utf16.count > Self.requestIDCharacters, resource != "batch" {
                return plain(Self.longRequestID(requestID))
            }
        }
        let response = written(request, resource, path, limits, requestID)
        if let requestID { remember(requestID, QBOReply(status: response.status, body: response.body)) }
        return response
    }

    private static var jsonFields: HTTPFields { ["Content-Type": "application/json"] }

    private mutating func written(
        _ request: HTTPRequest, _ resource: String, _ path: [String], _ limits: QuickBooksOnlineLimits,
        _ requestID: String?
    ) -> HTTPResponse {
        if resource == "upload", path.count == 1 {
            do throws(QBOError) { return rooted([("AttachableResponse", try upload(request, most: limits.uploadBytes))]) } catch { return plain(error) }
        }
        let body: JSON
        do {
            body = try JSON(parsing: request.body)
        } catch {
            return plain(.notJSON)
        }
        if resource == "batch", path.count == 1 { return batch(body, limits, requestID) }
        guard path.count == 1, let kind = QBOKind(name: resource) else {
            return plain(.unsupported(path.joined(separator: "/")))
        }
        do throws(QBOError) {
            let object = try write(kind, body, try Self.options(request))
            return rooted([(kind.rawValue, object)])
        } catch {
            return plain(error)
        }
    }

    private static func options(_ request: HTTPRequest) throws(QBOError) -> QBOWriteOptions {
        var options = QBOWriteOptions()
        let include = (request.query("include") ?? "").split(separator: ",").map(String.init)
        options.allowDuplicateNumber = include.contains("allowduplicatedocnum")
        switch request.query("operation") {
        case nil, ""?, "create"?: break
        case "update"?: options.void = include.contains("void")
        case "delete"?: options.delete = true
        case "void"?: options.void = true
        case let other?: throw .unsupported(other)
        }
        return options
    }

    // MARK: - Reading

    private func read(_ request: HTTPRequest, _ resource: String, _ id: String?) -> HTTPResponse {
        if resource == "query" { return queried(request.query("query") ?? "", request) }
        do throws(QBOError) {
            if resource == "cdc" {
                let answer = try changes(entities: request.query("entities"), since: request.query("changedSince"))
                return rooted([("CDCResponse", answer)])
            }
            guard let kind = QBOKind(name: resource) else { throw .unsupported(resource) }
            return rooted([(kind.rawValue, try read(kind, id))])
        } catch {
            return plain(error)
        }
    }

    private func download(_ id: String?) -> HTTPResponse {
        do throws(QBOError) { return .text(200, try downloadAddress(id)) } catch { return plain(error) }
    }

    /// How many metered reads a call is: writes are free, and of a batch only its queries count.
    static func reads(_ request: HTTPRequest, _ path: [String]) -> Int {
        if request.method == .get || path.first == "query" { return 1 }
        guard path.first == "batch", let body = try? JSON(parsing: request.body) else { return 0 }
        return (body["BatchItemRequest"]?.array ?? []).count { $0["Query"] != nil || $0["CDCQuery"] != nil }
    }

    private func queried(_ text: String, _ request: HTTPRequest) -> HTTPResponse {
        do throws(QBOError) {
            return rooted([("QueryResponse", try answer(text))])
        } catch {
            return plain(error)
        }
    }

    // MARK: - Batch

    private mutating func batch(_ body: JSON, _ limits: QuickBooksOnlineLimits, _ requestID: String?) -> HTTPResponse {
        guard let items = body["BatchItemRequest"]?.array, body.object?.count == 1 else {
            let other = body.object?.first { $0.key != "BatchItemRequest" }?.key
            return plain(other.map { .unknownProperty($0, of: "IntuitBatchRequest") } ?? .missing("BatchItemRequest"))
        }
        guard !items.isEmpty else { return plain(.missing("BatchItemRequest")) }
        guard items.count <= limits.batchItems else { return plain(.tooManyItems(limits.batchItems)) }
        var answers: [JSON] = []
        for item in items {
            let id = item.text("bId") ?? ""
            var members: [(String, JSON)] = [("bId", .string(id))]
            do throws(QBOError) {
                if let requestID { try Self.requireShort(requestID, item: id) }
                members.append(try batchItem(item))
            } catch {
                members.append(("Fault", error.fault))
            }
            answers.append(.object(members.map { (key: $0.0, value: $0.1) }))
        }
        return rooted([("BatchItemResponse", .array(answers))])
    }

    private mutating func batchItem(_ item: JSON) throws(QBOError) -> (String, JSON) {
        let attributes: Set<String> = ["bId", "operation", "optionsData"]
        let content = (item.object ?? []).filter { !attributes.contains($0.key) }
        guard let (name, value) = content.first, content.count == 1 else {
            throw content.isEmpty
                ? .missing("BatchItemRequest") : .unknownProperty(content[1].key, of: "BatchItemRequest")
        }
        if name == "Query" { return ("QueryResponse", try answer(value.string ?? "")) }
        if name == "CDCQuery" {
            return ("CDCResponse", try changes(entities: value.text("Entities"), since: value.text("ChangedSince")))
        }
        guard let kind = QBOKind(name: name), kind.rawValue == name else {
            throw .unknownProperty(name, of: "BatchItemRequest")
        }
        var options = QBOWriteOptions()
        let extra = (item.text("optionsData") ?? "").split(separator: ",").map(String.init)
        options.allowDuplicateNumber = extra.contains("allowduplicatedocnum")
        switch item.text("operation") {
        case "create":
            if let id = value.text("Id"), id != "0" { throw .business("A new object has no Id.", "Id") }
        case "update":
            guard value.has("Id") else { throw .missing("Id") }
            options.void = extra.contains("void")
        case "delete": options.delete = true
        case "void": options.void = true
        case nil: throw .missing("operation")
        case let other?: throw .unsupported(other)
        }
        return (name, try write(kind, value, options))
    }

    private static func requireShort(_ requestID: String, item: String) throws(QBOError) {
        let joined = requestID + item
        if requestID.utf16.count > batchRequestIDCharacters || item.utf16.count > batchItemCharacters {
            throw longRequestID(joined)
        }
    }

    /// - Source: intuit/QuickBooks-V3-Java-SDK issue 180.
    private static func longRequestID(_ id: String) -> QBOError {
        .business(
            "You cannot enter more than \(requestIDCharacters) characters in the request_id field. "
                + "You tried entering \(id.prefix(10))..., which is \(id.utf16.count) characters.")
    }

    // MARK: - Bodies

    private func rooted(_ members: [(String, JSON)]) -> HTTPResponse {
        .json(200, .object((members + [("time", .string(QBOTime.answer(now)))]).map { (key: $0.0, value: $0.1) }))
    }

    private func plain(_ error: QBOError) -> HTTPResponse {
        .json(error.status, ["Fault": error.fault, "time": .string(QBOTime.answer(now))])
    }
}
