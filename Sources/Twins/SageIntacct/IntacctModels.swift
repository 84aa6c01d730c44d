internal import Wire

/// Order and number of elements, as the vendor's schema has them.
/// - Source: intacct/intacct_dtd, `v3.0/api.xsd` of 2025 R1.
enum IntacctModels {
    private static let rate = "(basecurr?, currency, ((exchratedate?, exchratetype) | exchrate))?"
    private static let rateAlone = "(currency, ((exchratedate?, exchratetype) | exchrate))?"
    private static let project = "(projectid, (taskid, costtypeid?)?)?"
    private static let lineEnd =
        """
        customfields?, revrectemplate?, defrevaccount?, revrecstartdate?, revrecenddate?, \(project), customerid?, vendorid?, employeeid?, itemid?,
        classid?, contractid?, warehouseid?, billable?, totaltrxamount?, partialexempt?, paymenttaxcapture?, taxentries?
        """

    /// Functions that this twin has; the vendor's schema knows some hundreds more.
    static let functions: Set<String> = [
        "getAPISession", "create", "update", "delete", "read", "readByName", "readByQuery", "readMore", "query", "inspect", "lookup", "getDimensions",
        "get_list", "get_closedbooksdate", "create_invoice", "update_invoice", "reverse_invoice", "delete_invoice", "create_aradjustment",
        "delete_aradjustment",
        "create_arpayment", "apply_arpayment", "reverse_arpayment", "record_otherreceipt", "delete_otherreceipt", "record_deposit", "create_bill",
        "update_bill",
        "reverse_bill", "delete_bill", "create_apadjustment", "delete_apadjustment", "reverse_appayment", "create_supdoc", "update_supdoc", "delete_supdoc",
        "create_supdocfolder", "delete_supdocfolder", "create_gltransaction",
    ]

    /// Attributes that must be there.
    private static let attributes: [String: String] = [
        "function": "controlid", "reverse_invoice": "key", "update_invoice": "key", "delete_invoice": "key", "delete_aradjustment": "key",
        "reverse_arpayment": "key", "delete_otherreceipt": "key", "update_bill": "key", "reverse_bill": "key", "delete_bill": "key",
        "delete_apadjustment": "key", "reverse_appayment": "key", "delete_supdoc": "key", "delete_supdocfolder": "key", "updatelineitem": "line_num",
        "get_list": "object", "logical": "logical_operator",
    ]

    private static let envelope: [String: String] = [
        "request": "control, operation+",
        "control":
            "appid?, senderid, password?, controlid, uniqueid?, dtdversion?, policyid?, debug?, includewhitespace?, showadditionalerrorinfo?",
        "operation": "authentication, preferences*, content*", "authentication": "login | sessionid | oauth",
        "login": "userid, companyid, password, clientid?, locationid?", "content": "function+", "preferences": "ANY",
        "function": functions.sorted().joined(separator: "|"),
    ]

    private static let generic: [String: String] = [
        "create": "ANY", "update": "ANY", "getAPISession": "locationid?", "delete": "{object, keys}",
        "read": "{object, keys, fields?, returnFormat?, docparid?}", "readByName": "{object, keys, fields?, returnFormat?, docparid?}", "read/fields": "TEXT",
        "readByName/fields": "TEXT", "readByQuery": "{object, query, pagesize?, fields?, returnFormat?, docparid?}", "readByQuery/fields": "TEXT",
        "readByQuery/query": "TEXT", "readMore": "object | view | reportId | resultId", "inspect": "object | name", "lookup": "{object, docparid?}",
        "query": "{select, object, docparid?, filter?, orderby?, options?, pagesize?, offset?}", "select": "(field | count | avg | min | max | sum)+",
        "query/filter": operators, "and": "(\(operators)), (\(operators))+", "or": "(\(operators)), (\(operators))+", "orderby": "order+",
        "order": "field, (ascending | descending)?", "options": "caseinsensitive?, showprivate?, returnformat?", "equalto": "field, value",
        "notequalto": "field, value", "lessthan": "field, value", "lessthanorequalto": "field, value", "greaterthan": "field, value",
        "greaterthanorequalto": "field, value", "between": "field, value, value", "in": "field, value+", "notin": "field, value+", "like": "field, value",
        "notlike": "field, value", "isnull": "field", "isnotnull": "field",
    ]

    private static let operators = """
        and | or | equalto | notequalto | lessthan | lessthanorequalto | greaterthan | greaterthanorequalto | between | in | notin | like | notlike | isnull
        | isnotnull
        """

    private static let shared: [String: String] = {
        var out: [String: String] = [
            "customfields": "customfield*", "customfield": "customfieldname, customfieldvalue", "taxentries": "taxentry+", "taxentry": "detailid, trx_tax?",
            "lineitem":
                """
                (accountlabel | glaccountno), offsetglaccountno?, amount, allocationid?, memo?, locationid?, departmentid?, item1099?, form1099type?,
                form1099box?, key?, totalpaid?, totaldue?, \(lineEnd)
                """,
            "updatelineitem":
                """
                (accountlabel | glaccountno)?, offsetglaccountno?, amount?, memo?, locationid?, departmentid?, item1099?, form1099type?, form1099box?,
                \(lineEnd)
                """,
            "billto": "contact | contactname", "shipto": "contact | contactname", "payto": "contact | contactname", "returnto": "contact | contactname",
            "contact": "ANY",
        ]
        for date in ["datecreated", "dateposted", "datedue", "exchratedate", "datereversed", "datereceived", "paymentdate", "receiveddate", "depositdate",
            "revrecstartdate", "revrecenddate", "reversedate", "recon_date"] {
            out[date] = "year, month, day"
        }
        return out
    }()

    private static let receivables: [String: String] = [
        "create_invoice":
            """
            customerid, datecreated, dateposted?, datedue?, termname?, batchkey?, action?, invoiceno?, ponumber?, description?, externalid?, billto?, shipto?,
            \(rate), nogl?, supdocid?, customfields?, taxsolutionid?, invoiceitems
            """,
        "invoiceitems": "lineitem+",
        "update_invoice":
            """
            customerid?, datecreated?, dateposted?, datedue?, termname?, action?, invoiceno?, ponumber?, description?, payto?, returnto?, \(rateAlone),
            supdocid?, customfields?, updateinvoiceitems?
            """,
        "updateinvoiceitems": "(lineitem | updatelineitem)+", "reverse_invoice": "datereversed, description?", "delete_invoice": "ANY",
        "create_aradjustment":
            """
            customerid, datecreated, dateposted?, batchkey?, adjustmentno?, action?, invoiceno?, description?, externalid?, \(rate), nogl?, taxsolutionid?,
            aradjustmentitems
            """,
        "aradjustmentitems": "lineitem+", "delete_aradjustment": "ANY",
        "create_arpayment":
            """
            customerid, paymentamount, translatedamount?, (batchkey | bankaccountid | undepfundsacct)?, refid?, overpaylocid?, overpaydeptid?, datereceived?,
            paymentmethod?, \(rate), cctype?, authcode?, arpaymentitem*, (onlinecardpayment | onlineachpayment)*
            """,
        "onlinecardpayment": "ANY", "onlineachpayment": "ANY", "arpaymentitem": "invoicekey, amount",
        "apply_arpayment": "arpaymentkey, paymentdate, batchkey?, memo?, overpaylocid?, overpaydeptid?, arpaymentitems*", "arpaymentitems": "arpaymentitem+",
        "reverse_arpayment": "datereversed, description?, nsfclosedaccount?",
        "record_otherreceipt":
            """
            paymentdate, payee, receiveddate, paymentmethod, (undepglaccountno | (bankaccountid, depositdate?)), refid?, description?, supdocid?, \(rateAlone),
            customfields?, inclusivetax?, taxsolutionid?, receiptitems
            """,
        "receiptitems": "(lineitem | updatelineitem)+", "delete_otherreceipt": "ANY",
        "record_deposit": "bankaccountid, depositdate, depositid, (receipts | receiptkeys), description?, supdocid?, customfields?", "receipts": "ANY",
        "receiptkeys": "receiptkey+",
    ]

    private static let others: [String: String] = [
        "create_bill":
            """
            vendorid, datecreated, dateposted?, ((datedue, termname?) | termname), action?, batchkey?, billno?, ponumber?, onhold?, description?, externalid?,
            payto?, returnto?, \(rate), nogl?, supdocid?, customfields?, inclusivetax?, taxsolutionid?, billitems
            """,
        "billitems": "lineitem+",
        "update_bill":
            """
            vendorid?, datecreated?, dateposted?, datedue?, termname?, action?, billno?, ponumber?, onhold?, description?, payto?, returnto?, \(rateAlone),
            supdocid?, customfields?, inclusivetax?, updatebillitems?
            """,
        "updatebillitems": "(lineitem | updatelineitem)+", "reverse_bill": "datereversed, description?", "delete_bill": "ANY",
        "create_apadjustment":
            """
            vendorid, datecreated, dateposted?, batchkey?, adjustmentno?, action?, billno?, description?, externalid?, \(rate), nogl?, customfields?,
            inclusivetax?, taxsolutionid?, apadjustmentitems
            """,
        "apadjustmentitems": "lineitem+", "delete_apadjustment": "ANY", "reverse_appayment": "datereversed, description?",
        "create_gltransaction": "journalid, datecreated, reversedate?, description, referenceno?, sourceentity?, customfields?, gltransactionentries",
        "gltransactionentries": "glentry, glentry+",
        "glentry":
            """
            trtype, amount, glaccountno, document?, datecreated?, memo?, locationid?, departmentid?, customerid?, vendorid?, employeeid?, \(project), itemid?,
            classid?, contractid?, warehouseid?, customfields?, recon_date?, \(rateAlone)
            """,
        "create_supdoc": "supdocid, supdocname?, supdocfoldername?, supdocdescription?, attachments?",
        "update_supdoc": "supdocid, supdocname?, supdocfoldername?, supdocdescription?, attachments?", "attachments": "attachment+",
        "attachment": "attachmentname, attachmenttype, attachmentdata", "delete_supdoc": "ANY", "delete_supdocfolder": "ANY",
        "create_supdocfolder": "supdocfoldername, supdocfolderdescription?, supdocparentfoldername?",
        "get_list": "filter?, sorts?, fields?, additional_parameters?", "get_list/filter": "logical+ | expression+", "logical": "(logical | expression)+",
        "expression": "field, operator, value", "sorts": "ANY", "fields": "field+", "additional_parameters": "ANY",
    ]

    private static let models: [String: IntacctModel] = {
        var out: [String: IntacctModel] = [:]
        for table in [envelope, generic, shared, receivables, others] {
            for (name, text) in table where text != "TEXT" { out[name] = IntacctModelReader.read(text) }
        }
        return out
    }()

    private static let texts = Set(generic.filter { $0.value == "TEXT" }.map(\.key))

    private static func model(_ name: String, in parent: String) -> IntacctModel? {
        let place = "\(parent)/\(name)"
        return texts.contains(place) ? nil : models[place] ?? models[name]
    }

    /// The first thing wrong with the form of a request, or `nil`.
    static func problem(_ element: XMLElement, in parent: String = "") -> String? {
        let name = element.name.local
        if let attribute = attributes[name], element.attribute(attribute) == nil {
            return "Element '\(name)': The attribute '\(attribute)' is required but missing."
        }
        guard let model = model(name, in: parent) else {
            return element.children.isEmpty ? nil : "Element '\(element.children[0].name.local)': This element is not expected."
        }
        if case .any = model { return nil }
        var match = IntacctMatch(element)
        if let problem = match.problem(model, of: name) { return problem }
        if !element.value.isEmpty {
            return "Element '\(name)': Character content other than whitespace is not allowed because the content type is 'element-only'."
        }
        for child in element.children {
            if let problem = problem(child, in: name) { return problem }
        }
        return nil
    }
}
