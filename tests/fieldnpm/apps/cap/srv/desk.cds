using { cuid, managed } from '@sap/cds/common';

namespace desk;

entity Requests : cuid, managed {
  title    : String(80) @mandatory;
  details  : LargeString;
  state    : String(20) default 'new';
  severity : Integer;
  category : String(40);
  dueBy    : DateTime;
  extRef   : String(80);
  notes    : Composition of many Notes on notes.request = $self;
  files    : Composition of many Files on files.request = $self;
}

entity Notes : cuid, managed {
  request : Association to Requests;
  text    : LargeString;
}

entity Files : cuid, managed {
  request   : Association to Requests;
  name      : String(200);
  @Core.IsMediaType mediaType : String(100);
  @Core.MediaType: mediaType @Core.ContentDisposition.Filename: name content : LargeBinary;
}

@path: '/odata/v4/desk' @requires: 'agent'
service DeskService {
  entity Requests as projection on desk.Requests;
  entity Notes as projection on desk.Notes;
  entity Files as projection on desk.Files;
}

annotate DeskService.Requests with { modifiedAt @odata.etag };
